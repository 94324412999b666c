"""The `files` loader: every picture of a folder, or one picture file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.formats import FOREIGN_SUFFIXES, SUFFIXES
from fieldglass.loaders.lenient import decode_leniently
from fieldglass.loaders.paths import OutsideError, base_of, inside, open_regular, portable
from fieldglass.loaders.picture import MAX_PIXELS, PictureError
from fieldglass.loaders.several import chosen_frames
from fieldglass.types import Item, Problem, Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Files", "read_pictures"]


class Files:
    """Pictures below a folder, in the order of their paths; ids are those paths.

    :param suffixes: file name endings that are taken, "jpg,png"; all that can be read if empty.
    :param exclude: shell patterns of relative paths that are not taken, "raw/*,*_small.jpg".
    :param only: relative paths that alone are taken, all if empty.
    :param max_pixels: a larger picture is refused from its header.
    :param pixels: the encoder's input side; pictures are decoded to at least twice that. 0 = full size.
    :param frames: of an animation or a TIFF of several pages, at most so many, evenly over the file, each an item
        ("a.gif#1") in the group `file`. 0 = its first picture alone.
    :param lenient: take a JPEG that ends early: what is missing is grey, and the column `truncated` is true.

    Hidden files and folders are passed over. Scanning opens no file, unless `frames` are asked for.
    """

    private = False

    def __init__(
        self,
        *,
        suffixes: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        only: tuple[str, ...] = (),
        max_pixels: int = MAX_PIXELS,
        pixels: int = 0,
        frames: int = 0,
        lenient: bool = False,
    ) -> None:
        if max_pixels < 1 or pixels < 0 or frames < 0:
            raise UsageError(
                f"max_pixels={max_pixels}, pixels={pixels} and frames={frames} cannot be.",
                hint="Give positive numbers.",
            )
        self.suffixes = frozenset("." + each.lower().lstrip(".") for each in suffixes) or SUFFIXES
        self.asked = bool(suffixes)
        self.exclude = tuple(exclude)
        self.only = frozenset(only)
        self.max_pixels = max_pixels
        self.pixels = pixels
        self.frames, self.lenient = frames, lenient

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per picture. LoaderError where `root` is not there or cannot be listed."""
        if root.is_file():
            yield from self._file(portable(root.name), root.parent)
            return
        if not root.is_dir():
            raise LoaderError(f"There is no folder or file {str(root)!r}.", hint="Check the path and its drive.")
        try:
            with os.scandir(root):
                pass
        except OSError as error:
            raise LoaderError(f"{str(root)!r} cannot be listed: {error.strerror}.") from error
        yield from self._folder(str(root), "", os.path.realpath(root))

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The decoded pictures, or why not."""
        limits = {"pixels": self.pixels, "max_pixels": self.max_pixels}
        return read_pictures(items, base_of(self, root), **limits, lenient=self.lenient)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture itself."""
        content: NDArray[np.uint8] = sample.content
        return content

    def _folder(self, folder: str, prefix: str, top: str) -> Iterator[Item | Problem]:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Problem(prefix.rstrip("/"), "folder-unreadable", f"The folder cannot be listed: {error.strerror}.")
            return
        for entry in entries:
            name = prefix + portable(entry.name)
            if entry.name.startswith(".") or any(fnmatch(name, pattern) for pattern in self.exclude):
                continue
            try:
                if entry.is_symlink():
                    problem = _link(entry.path, name, top)
                    if problem is not None:
                        yield problem
                        continue
                    if entry.is_dir():
                        continue  # its pictures are found under their own path
                if entry.is_dir():
                    yield from self._folder(entry.path, name + "/", top)
                elif entry.is_file():
                    yield from self._file(name, Path(top))
                else:
                    yield Problem(name, "path-special", "A device, socket or pipe is not read.")
            except OSError as error:
                yield Problem(name, "path-unreadable", f"It cannot be looked at: {error.strerror}.")

    def _file(self, name: str, base: Path) -> Iterator[Item | Problem]:
        if self.only and name not in self.only:
            return
        path = PurePosixPath(name)
        suffix = path.suffix.lower()
        if suffix in self.suffixes:
            folder = "" if path.parent == PurePosixPath(".") else str(path.parent)
            metadata = {"folder": folder, "name": path.name}
            frames = chosen_frames(base, name, self.frames, max_pixels=self.max_pixels)
            if not frames:
                yield Item(name, (name,), metadata=metadata)
            for frame in frames:
                more = {**metadata, "frame": frame + 1}
                yield Item(f"{name}#{frame + 1}", (name,), {"frame": frame}, more, {"file": name})
        elif suffix in FOREIGN_SUFFIXES and not self.asked:
            message = f"{FOREIGN_SUFFIXES[suffix]} is not read by this loader."
            yield Problem(name, "image-format", message, (name,))


def read_pictures(
    items: Sequence[Item], base: Path, *, pixels: int, max_pixels: int, lenient: bool = False
) -> Iterator[Sample | Problem]:
    """The picture at the first path of each item, or its `frame`: a sample, or the problem with it."""
    for item in items:
        try:
            with open_regular(inside(base, item.paths[0])) as file:
                frame = int(item.locator.get("frame", 0))
                limits = {"pixels": pixels, "max_pixels": max_pixels, "frame": frame}
                content, measured = decode_leniently(file, **limits, lenient=lenient)
                yield Sample("image", content, measured=measured)
        except PictureError as error:
            yield Problem(item.id, error.code, error.message, item.paths)
        except OutsideError as error:
            yield Problem(item.id, "path-outside", f"Not opened: {error}.", item.paths)
        except FileNotFoundError:
            yield Problem(item.id, "file-missing", "The file is not there.", item.paths)
        except OSError as error:
            reason = error.strerror or str(error)
            yield Problem(item.id, "file-unreadable", f"The file cannot be read: {reason}.", item.paths)


def _link(path: str, name: str, top: str) -> Problem | None:
    target = os.path.realpath(path)
    if not os.path.exists(target):
        return Problem(name, "path-broken-link", "The link leads nowhere, or to itself.")
    if target != top and not target.startswith(top.rstrip(os.sep) + os.sep):
        return Problem(name, "path-outside", "The link leads out of the root; it is not followed.")
    if os.path.isdir(target) and (os.path.realpath(os.path.dirname(path)) + os.sep).startswith(target + os.sep):
        return Problem(name, "path-loop", "The link leads back to a folder above it.", severity="warning")
    return None

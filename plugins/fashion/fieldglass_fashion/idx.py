"""The loader `fashion/idx`: Fashion-MNIST, and whatever else comes in MNIST's IDX files.

An IDX file is two zero bytes, the type of its numbers (8: unsigned bytes), how many dimensions, each of them as four
bytes, most significant first, and then the numbers (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import LoaderError
from fieldglass.loaders.paths import OutsideError, inside, open_regular
from fieldglass.types import Item, Problem, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KINDS", "Idx", "read_idx"]

KINDS = (
    "T-shirt", "Trousers", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_LARGEST = 1 << 30  # bytes, unpacked
_PARTS = {"train": "train", "t10k": "test"}


class Idx:
    """Pictures of IDX files, 28 x 28 grey: `train-images-idx3-ubyte.gz`, `t10k-images-idx3-ubyte.gz`, packed or not.

    :param kinds: what the labels mean, in their order; those of Fashion-MNIST if empty.
    :param light: garments on a white ground, as shops show them; False leaves the black one of the files.
    :param scale: times that a picture is enlarged.

    The id of a picture is "test/17"; its label is the number `label` and the text `category`.
    """

    private = False
    queries = "files"

    def __init__(self, *, kinds: tuple[str, ...] = (), light: bool = True, scale: int = 4) -> None:
        self.kinds, self.light, self.scale = tuple(kinds) or KINDS, light, max(1, scale)
        self._held: dict[tuple[str, int], NDArray[np.uint8]] = {}
        self._lock = Lock()

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per picture of a folder, or of one file of pictures. LoaderError where there is none."""
        files = [root] if root.is_file() else sorted(root.glob("*-images-idx3-ubyte*")) if root.is_dir() else []
        if not files:
            raise LoaderError(
                f"There are no IDX files of pictures in {str(root)!r}.",
                hint="They are called train-images-idx3-ubyte.gz and the like.",
            )
        for path in files:
            yield from self._file(path, root)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The pictures, enlarged, or why not."""
        base = root.parent if root.is_file() else root
        for item in items:
            try:
                pixels = self._pictures(inside(base, item.paths[0]))[item.locator["row"]]
            except (_Damaged, IndexError) as error:
                yield Problem(item.id, "idx-damaged", f"The file is not whole: {error}.", item.paths)
            except OutsideError as error:
                yield Problem(item.id, "path-outside", f"Not opened: {error}.", item.paths)
            except OSError as error:
                yield Problem(item.id, "file-unreadable", f"It cannot be read: {error.strerror or error}.", item.paths)
            else:
                yield Sample("image", shown(pixels, light=self.light, scale=self.scale))

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture itself."""
        content: NDArray[np.uint8] = sample.content
        return content

    def _file(self, path: Path, root: Path) -> Iterator[Item | Problem]:
        base = root.parent if root.is_file() else root
        name, start = path.name, path.name.partition("-")[0]
        try:
            count = len(self._pictures(inside(base, name)))
            beside = path.with_name(name.replace("-images-idx3-", "-labels-idx1-"))
            labels = read_idx(inside(base, beside.name), 1) if beside != path and beside.is_file() else None
        except (_Damaged, OutsideError, OSError) as error:
            yield Problem(name, "idx-damaged", f"The file cannot be read: {error}.", (name,))
            return
        if labels is not None and len(labels) != count:
            yield Problem(name, "idx-labels", f"{count} pictures have {len(labels)} labels, which are left out.")
            labels = None
        for row in range(count):
            metadata: dict[str, object] = {"row": row, "part": _PARTS.get(start, start)}
            if labels is not None:
                label = int(labels[row])
                metadata |= {"label": label}
                metadata |= {"category": self.kinds[label]} if label < len(self.kinds) else {}
            yield Item(f"{_PARTS.get(start, start)}/{row}", (name,), {"row": row}, metadata)

    def _pictures(self, path: Path) -> NDArray[np.uint8]:
        """All pictures of a file, unpacked once."""
        key = (str(path), path.stat().st_mtime_ns)
        with self._lock:
            found = self._held.get(key)
            if found is None:
                found = self._held[key] = read_idx(path, 3)
            return found


class _Damaged(Exception):
    pass


def read_idx(path: Path, dims: int) -> NDArray[np.uint8]:
    """The numbers of an IDX file of unsigned bytes, packed with gzip or not; of bounded size."""
    with open_regular(path) as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            head = file.read(4 + 4 * dims)
            if len(head) < 4 + 4 * dims or head[:3] != b"\0\0\x08" or head[3] != dims:
                raise _Damaged(f"it is no IDX file of unsigned bytes in {dims} dimensions")
            shape = tuple(int.from_bytes(head[4 + 4 * n : 8 + 4 * n], "big") for n in range(dims))
            size = math.prod(shape)
            if size > _LARGEST:
                raise _Damaged(f"{size} bytes are over the limit of {_LARGEST}")
            content = file.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _Damaged(str(error)) from error
    if len(content) < size:
        raise _Damaged(f"its header says {size} bytes, {len(content)} are there")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def shown(
    grey: NDArray[np.uint8], *, light: bool = True, scale: int = 4, colour: tuple[int, int, int] | None = None
) -> NDArray[np.uint8]:
    """(h, w) of Fashion-MNIST, bright on black -> (scale h, scale w, 3) sRGB, dark on white if `light`.

    With a `colour` the garment is dyed: its brightest cloth has that colour, its shades are darker.
    """
    from PIL import Image

    size = (grey.shape[1] * scale, grey.shape[0] * scale)
    large = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC), dtype=np.float32) / 255
    if not light:
        return np.repeat(np.rint(large * 255).astype(np.uint8)[..., None], 3, axis=2)
    cover = np.clip(large * 6, 0, 1)[..., None]  # where the garment is, with a soft edge
    cloth = np.array(colour if colour is not None else (200, 200, 200), dtype=np.float32)
    shade = 0.45 + 0.55 * large[..., None]
    return np.rint(255 * (1 - cover) + cover * cloth * shade).astype(np.uint8)

"""Where the pictures of a catalogue lie: in a folder, in an archive, or fetched from the web into a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fieldglass.loaders.files import read_pictures
from fieldglass.loaders.lenient import decode_leniently
from fieldglass.loaders.paths import OutsideError, inside
from fieldglass.loaders.picture import PictureError
from fieldglass.types import Item, Problem, Sample
from fieldglass_fashion.catalogue.archive import Archive, is_archive
from fieldglass_fashion.fetch.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Pictures", "Place", "is_remote"]

_REMOTE = re.compile(r"(?i)[a-z][a-z0-9+.-]*://|//")


def is_remote(reference: str) -> bool:
    """Whether a picture is named by an address on the web."""
    return bool(_REMOTE.match(reference))


@dataclass(frozen=True)
class Place:
    """A picture that is there: its path below the base and, in an archive, the name of the member."""

    path: str
    member: str = ""


@dataclass
class Pictures:
    """Finds and reads pictures. `folder` is that of the catalogue, `given` what the user said of the pictures.

    Safe in threads. OSError and PictureError where an archive cannot be opened.
    """

    folder: Path
    given: str = ""
    _archives: dict[Path, Archive] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def base(self) -> Path:
        """The folder that the paths of items are relative to."""
        place = self.folder / self.given
        return place.parent if self.given and is_archive(place.name) else place

    def finder(self) -> Finder:
        """What finds the pictures of one scan."""
        place = self.folder / self.given
        archive = place if self.given and is_archive(place.name) else None
        opened = None if archive is None else (archive.name, self.archive(archive))
        return Finder(self.base, opened, by_name=bool(self.given))

    def archive(self, path: Path) -> Archive:
        """The archive at a path, listed again where its file has changed."""
        with self._lock:
            found = self._archives.get(path)
            if found is None or found.stale():
                found = self._archives[path] = Archive(path)
            return found

    def read(
        self, items: Sequence[Item], *, pixels: int, max_pixels: int, lenient: bool = False
    ) -> Iterator[Sample | Problem]:
        """The decoded pictures, or why not."""
        how = {"pixels": pixels, "max_pixels": max_pixels, "lenient": lenient}
        for item in items:
            if "member" not in item.locator:
                yield from read_pictures([item], self.base, **how)
                continue
            try:
                archive = self.archive(inside(self.base, item.paths[0]))
                with archive.open(item.locator["member"]) as file:
                    content, measured = decode_leniently(file, **how)
                    yield Sample("image", content, measured=measured)
            except PictureError as error:
                yield Problem(item.id, error.code, error.message, item.paths)
            except OutsideError as error:
                yield Problem(item.id, "path-outside", f"Not opened: {error}.", item.paths)
            except FileNotFoundError:
                yield Problem(item.id, "file-missing", "It is not in the archive, or that is gone.", item.paths)
            except OSError as error:
                yield Problem(item.id, "file-unreadable", f"It cannot be read: {error.strerror or error}.", item.paths)


class Finder:
    """Says of each reference of a catalogue where its picture is, or why there is none.

    :param by_name: a picture on the web may lie here under the end of its address, as where a shop's media folder
        was copied: of https://shop.example/uploads/2024/a.jpg that is 2024/a.jpg or a.jpg.
    """

    def __init__(self, base: Path, archive: tuple[str, Archive] | None, *, by_name: bool = False) -> None:
        self._base, self._archive, self._by_name = base, archive, by_name
        self._ledger = Ledger.read(base)
        self._taken: dict[Place, str] = {}  # by which address

    def __call__(self, reference: str) -> Place | tuple[str, str]:
        """A place; or a code and a sentence for the journal."""
        shown = repr(reference[:200])
        if is_remote(reference):
            return self._fetched(reference, shown)
        try:
            place = self._at(reference)
        except (OutsideError, OSError) as error:
            return "path-outside", f"{shown} is not opened: {error}"
        if place is None:
            return (
                "file-missing",
                f"there is no {shown} in {self._archive[0]}" if self._archive else f"there is no file {shown}",
            )
        return place

    def _at(self, path: str) -> Place | None:
        """The picture of that path, if it is there. OutsideError, OSError."""
        if self._archive is None:
            return Place(path) if inside(self._base, path).is_file() else None
        name, archive = self._archive
        member = path.replace("\\", "/").removeprefix("./")
        return Place(name, member) if member in archive else None

    def close(self) -> None:
        """Close the ledger of what was fetched."""
        if self._ledger is not None:
            self._ledger.close()

    def _fetched(self, reference: str, shown: str) -> Place | tuple[str, str]:
        known = self._ledger.find(reference) if self._ledger else None
        if self._by_name and (known is None or not known.file):
            named = self._named(reference)
            if named is not None:
                return named
        if known is None:
            more = "" if self._by_name else "; if its file is at hand: --set pictures=FOLDER"
            return "catalogue-remote", f"{shown} is on the web; `fieldglass fashion fetch` brings it here{more}"
        if not known.file:
            return "catalogue-not-fetched", f"{shown} was not fetched: {known.reason}"
        return Place(known.file) if (self._base / known.file).is_file() else ("file-missing", f"{shown} is gone again")

    def _named(self, address: str) -> Place | tuple[str, str] | None:
        """The file that the end of an address names, the longest end first; a problem where another's is the same."""
        try:
            parts = urlsplit(address)
        except ValueError:
            return None
        bare = f"{parts.netloc}{parts.path}"
        names = [each for each in unquote(parts.path).split("/") if each]
        for start in range(len(names)):
            try:
                place = self._at("/".join(names[start:]))
            except (OutsideError, OSError):
                continue
            if place is None:
                continue
            first = self._taken.setdefault(place, bare)
            if first != bare:
                both = f"{first[:200]!r} and {bare[:200]!r}"
                return "catalogue-ambiguous", f"{both} would both be {place.member or place.path!r}"
            return place
        return None

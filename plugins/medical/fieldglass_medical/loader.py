"""The DICOM loader: instances, frames, series and studies of a folder, its archives included."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np
import pydicom

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.paths import OutsideError, inside
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.archive import MEMBER, members, open_place, walk
from fieldglass_medical.decode import check_size, frames
from fieldglass_medical.frames import count, frame_header
from fieldglass_medical.headers import Header, read_header
from fieldglass_medical.identity import Identity, default_key
from fieldglass_medical.opening import open_dicom
from fieldglass_medical.refusal import Refusal
from fieldglass_medical.samples import clip_of, picture_of, shown
from fieldglass_medical.windows import parse_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Dicom"]

_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})


class Dicom:
    """DICOM files below a folder and in its ZIP archives, whatever their suffix; other files are passed over.

    :param level: what an item is: an instance (a file), a frame of one, a series, or a study.
    :param window: how Hounsfield units are shown: soft, lung, bone, brain ..., or centre and width as in "40,400".
    :param key: the file of the secret key; made where it is missing.
    :param max_pixels: a larger frame is refused from its header.
    :param max_frames: of a clip, taken evenly over the file.
    :param skip_burned_in: refuse pictures that say, or by their kind are likely, to have text burned in.

    Ids, groups and journal subjects are keyed hashes; no tag that tells who a patient is enters the index.
    For research, not for diagnosis.
    """

    private = True
    exclude_group = "patient"

    def __init__(
        self,
        *,
        level: Literal["instance", "frame", "series", "study"] = "instance",
        window: str = "soft",
        key: str = "",
        max_pixels: int = 50_000_000,
        max_frames: int = 32,
        skip_burned_in: bool = False,
    ) -> None:
        if max_pixels < 1 or max_frames < 1:
            raise UsageError(f"max_pixels={max_pixels} and max_frames={max_frames} must be at least 1.")
        _quiet()
        self.identity = Identity(Path(key) if key else default_key())
        self.level = level
        self.center, self.width = parse_window(window)
        self.max_pixels, self.max_frames = max_pixels, max_frames
        self.skip_burned_in = skip_burned_in

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The items by their headers, in the order of the paths; series and studies after all files are seen."""
        if not root.exists():
            raise LoaderError("There is no such folder or file.", hint="Check the path and its drive.")
        seen: set[str] = set()
        try:
            for found in self.headers(root):
                if isinstance(found, Problem):
                    yield found
                    continue
                if found.instance and found.instance in seen:
                    said = "Another file has the same instance UID."
                    yield Problem(found.subject, "dicom-duplicate", said, severity="warning")
                seen.add(found.instance)
                if found.warning and (about := found.groups.get("series", "") + found.warning[0]) not in seen:
                    yield Problem(found.subject, *found.warning, severity="warning")
                    seen.add(about)  # once a series
                yield from self._items(found)
        finally:
            self.identity.flush()

    def headers(self, root: Path) -> Iterator[Header | Problem]:
        """What each DICOM file says of itself; no pixel is read."""
        base = _base(root)
        for name in walk(root, base):
            yield from self._file(name, base)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """Hounsfield units for CT, 0..1 after the window for other grey pictures, sRGB for colour."""
        base = _base(root)
        for file, run in groupby(items, key=lambda item: str(item.locator.get("file", item.id))):
            yield from self._read_file(file, list(run), base)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(H, W, 3) uint8; Hounsfield units through the window of the options, a volume by its middle slice."""
        return shown(sample, self.center, self.width)

    def _items(self, header: Header) -> Iterator[Item]:
        locator = {"file": header.subject, "stamp": header.stamp}
        if self.level == "instance" or header.frames == 1:
            yield Item(header.subject, (), locator, header.columns, header.groups)
            return
        for index in range(header.frames):
            columns = {**header.columns, "frame": index + 1}
            named = {**locator, "frame": index}
            yield Item(f"{header.subject}#frame={index + 1}", (), named, columns, header.groups)

    def _file(self, name: str, base: Path) -> Iterator[Header | Problem]:
        """The headers of a file: one, those of an archive's members, or none where it is no DICOM."""
        suffix = PurePosixPath(name).suffix.lower()
        subject = self.identity.of("file", name)
        try:
            if suffix == ".zip":
                with open_place(base, name) as archive:
                    names = members(archive)
                for each in names:
                    yield from self._place(name + MEMBER + each, base)
                return
        except Exception as error:
            yield _problem(subject, error, "zip-damaged", "The archive cannot be opened")
            return
        yield from self._place(name, base)

    def _place(self, place: str, base: Path) -> Iterator[Header | Problem]:
        subject = self.identity.of("file", place)
        path, _, member = place.partition(MEMBER)
        named = PurePosixPath(member or path).suffix.lower() in _SUFFIXES
        try:
            status = inside(base, path).stat()
            stamp = self.identity.of("stamp", f"{status.st_size}-{status.st_mtime_ns}")
            with open_place(base, place) as file:
                found = read_header(file, subject, stamp, self.identity, named=named, max_pixels=self.max_pixels)
            if found is not None and self.skip_burned_in and found.columns["burned_in"] in ("yes", "likely"):
                raise Refusal("dicom-burned-in", "Text may be burned into its pixels (--set skip_burned_in=false).")
        except Exception as error:  # pydicom raises a score of kinds, and their texts may hold a tag's value
            yield _problem(subject, error, "dicom-damaged", "The header cannot be read")
            return
        if found is not None:
            self.identity.remember(base, subject, place)
            yield found

    def _read_file(self, subject: str, items: list[Item], base: Path) -> Iterator[Sample | Problem]:
        """Items of one file, opened once; a frame that fails costs no other."""
        left = list(items)
        while left:
            try:
                place = self.identity.path(base, subject)
                if place is None:
                    raise FileNotFoundError
                with open_place(base, place) as file:
                    opened = open_dicom(file)
                    check_size(opened, max_pixels=self.max_pixels)
                    indices = [each.locator.get("frame") for each in left]
                    if None in indices and count(opened.header) > 1:
                        yield clip_of(opened, self.max_frames, self.center, self.width)
                        left.pop(0)
                        continue
                    wanted = [int(index or 0) for index in indices]
                    for index, stored in zip(wanted, frames(opened, wanted), strict=True):
                        sample = picture_of(stored, frame_header(opened.header, index))
                        yield sample
                        left.pop(0)
            except Exception as error:
                yield _problem(left.pop(0).id, error, "dicom-pixels", "The pixels cannot be decoded")


def _problem(subject: str, error: Exception, code: str, said: str) -> Problem:
    """A Problem that quotes nothing of the file."""
    if isinstance(error, Refusal):
        return Problem(subject, error.code, error.message)
    if isinstance(error, OutsideError):
        return Problem(subject, "path-outside", "The link leads out of the source.")
    if isinstance(error, FileNotFoundError):
        return Problem(subject, "file-missing", "The file is not there, or the key is another one.")
    return Problem(subject, code, f"{said} ({type(error).__name__}).")


def _base(root: Path) -> Path:
    return (root.parent if root.is_file() else root).resolve()


def _quiet() -> None:
    """What pydicom warns of and logs may quote a tag's value."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    for module in (r"pydicom(\.|$)", r"fieldglass_medical(\.|$)"):
        warnings.filterwarnings("ignore", module=module)

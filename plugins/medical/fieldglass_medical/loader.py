"""The DICOM loader: instances, frames, series and studies of a folder, its archives included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.paths import inside
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.archive import MEMBER, members, open_place, walk
from fieldglass_medical.decode import check_size, frames
from fieldglass_medical.frames import count, frame_header
from fieldglass_medical.headers import Header, read_header
from fieldglass_medical.identity import Identity, default_key
from fieldglass_medical.items import Gathered, frames_of, instance_of, members_of
from fieldglass_medical.opening import open_dicom
from fieldglass_medical.private_files import PrivateFiles, problem_of
from fieldglass_medical.quiet import quiet
from fieldglass_medical.refusal import Refusal
from fieldglass_medical.samples import clip_of, picture_of, shown
from fieldglass_medical.volume import Volume, read_volume
from fieldglass_medical.windows import parse_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Dicom"]

_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})


class Dicom(PrivateFiles):
    """DICOM files below a folder and in its ZIP archives, whatever their suffix; other files are passed over.

    :param level: what an item is: an instance (a file), a frame of one, a series, or a study.
    :param window: how Hounsfield units are shown: soft, lung, bone, brain ..., or centre and width as in "40,400".
    :param key: the file of the secret key; made where it is missing.
    :param max_pixels: a larger frame is refused from its header.
    :param max_frames: of a clip, taken evenly over the file.
    :param max_bytes: a larger volume is refused.
    :param spacing: what volumes are resampled to, in mm: one number, or "slices,rows,columns"; as they are if empty.
    :param allow_irregular: resample a series with uneven gaps or missing slices, which is else refused.
    :param lenient: take a file that ends in the second half of its pixels: what is missing is 0, `truncated` true.
    :param skip_burned_in: refuse pictures that say, or by their kind are likely, to have text burned in.

    Ids, groups and journal subjects are keyed hashes; no tag that tells who a patient is enters the index.
    For research, not for diagnosis.
    """

    def __init__(
        self,
        *,
        level: Literal["instance", "frame", "series", "study"] = "instance",
        window: str = "soft",
        key: str = "",
        max_pixels: int = 50_000_000,
        max_frames: int = 32,
        max_bytes: int = 2 << 30,
        spacing: str = "",
        allow_irregular: bool = False,
        skip_burned_in: bool = False,
        lenient: bool = False,
    ) -> None:
        if min(max_pixels, max_frames, max_bytes) < 1:
            raise UsageError("max_pixels, max_frames and max_bytes must be at least 1.")
        self.max_bytes, self.allow_irregular = max_bytes, allow_irregular
        self.spacing = _spacing(spacing)
        quiet()
        self.identity = Identity(Path(key) if key else default_key())
        self.level = level
        self.center, self.width = parse_window(window)
        self.max_pixels, self.max_frames = max_pixels, max_frames
        self.skip_burned_in, self.lenient = skip_burned_in, lenient

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The items by their headers, in the order of the paths; series and studies after all files are seen."""
        root = self.real(root)
        if not root.exists():
            raise LoaderError("There is no such folder or file.", hint="Check the path and its drive.")
        base = self.base(root)
        grouped = self.level in ("series", "study")
        gathered = Gathered(self.identity, base, allow_irregular=self.allow_irregular) if grouped else None
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
                yield from self._taken(found, gathered, base)
            if gathered is not None:
                yield from gathered.series() if self.level == "series" else gathered.studies()
        finally:
            self.identity.flush()

    def _taken(self, header: Header, gathered: Gathered | None, base: Path) -> list[Item | Problem]:
        """The items of one file, or none yet where it is gathered; its tags are parsed only now, and may be damaged."""
        try:
            if gathered is not None:
                left_out = gathered.add(header)
                return [left_out] if left_out else []
            return list(frames_of(header)) if self.level == "frame" else [instance_of(header, self.identity, base)]
        except Exception as error:
            return [problem_of(header.subject, error, "dicom-damaged", "The header cannot be read")]

    def real(self, root: Path) -> Path:
        """The root itself, where a name stands for it; the folder of a DICOMDIR, which lists what lies below it."""
        found = super().real(root)
        return found.parent if found.name.upper() == "DICOMDIR" and found.is_file() else found

    def headers(self, root: Path) -> Iterator[Header | Problem]:
        """What each DICOM file says of itself; no pixel is read."""
        base = self.base(root)
        for name in walk(self.real(root).resolve(), base):
            yield from self._file(name, base)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """Hounsfield units for CT, 0..1 after the window for other grey pictures, sRGB for colour."""
        base = self.base(root)
        files = [(file, list(run)) for file, run in groupby(items, key=_file_of)]
        try:
            places = self.identity.some_paths(base, [file for file, _ in files])
        except Exception as error:  # the map beside the key is damaged
            yield from (problem_of(item.id, error, "dicom-pixels", "The pixels cannot be decoded") for item in items)
            return
        for file, run in files:
            yield from self._read_file(places.get(file), run, base)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(H, W, 3) uint8; Hounsfield units through the window of the options, a volume by its middle slice."""
        return shown(sample, self.center, self.width)

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
            yield problem_of(subject, error, "zip-damaged", "The archive cannot be opened")
            return
        yield from self._place(name, base)

    def _place(self, place: str, base: Path) -> Iterator[Header | Problem]:
        subject = self.identity.of("file", place)
        path, _, member = place.partition(MEMBER)
        named = PurePosixPath(member or path).suffix.lower() in _SUFFIXES
        try:
            status = inside(base, path).stat()
            stamp = self.identity.of("stamp", f"{status.st_size}-{status.st_mtime_ns}")
            limits = {"max_pixels": self.max_pixels, "lenient": self.lenient}
            with open_place(base, place) as file:
                found = read_header(file, subject, stamp, self.identity, named=named, **limits)
            if found is not None and self.skip_burned_in and found.columns["burned_in"] in ("yes", "likely"):
                raise Refusal("dicom-burned-in", "Text may be burned into its pixels (--set skip_burned_in=false).")
        except Exception as error:  # pydicom raises a score of kinds, and their texts may hold a tag's value
            yield problem_of(subject, error, "dicom-damaged", "The header cannot be read")
            return
        if found is not None:
            self.identity.remember(base, subject, place)
            yield replace(found, place=place)

    def volume(self, item: Item, root: Path) -> Volume:
        """The volume of an item that is one, with its affine. Refusal for one that is none."""
        base = self.base(root)
        return self._volume(item, self.identity.path(base, _file_of(item)), base)

    def _volume(self, item: Item, place: str | None, base: Path) -> Volume:
        if place is None:
            raise FileNotFoundError
        if "axes" not in item.locator:
            raise Refusal("series-none", "It is no volume: one picture, or a clip.")
        return read_volume(
            base,
            members_of(place),
            item.locator,
            spacing=self.spacing,
            max_pixels=self.max_pixels,
            max_bytes=self.max_bytes,
            lenient=self.lenient,
        )

    def _read_file(self, place: str | None, items: list[Item], base: Path) -> Iterator[Sample | Problem]:
        """Items of one file, opened once; a frame that fails costs no other."""
        left = list(items)
        while left:
            try:
                if place is None:
                    raise FileNotFoundError
                if "axes" in left[0].locator:
                    yield self._volume(left[0], place, base).sample()
                    left.pop(0)
                    continue
                with open_place(base, place) as file:
                    opened = open_dicom(file)
                    check_size(opened, max_pixels=self.max_pixels, lenient=self.lenient)
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
                yield problem_of(left.pop(0).id, error, "dicom-pixels", "The pixels cannot be decoded")


def _file_of(item: Item) -> str:
    return str(item.locator.get("file", item.id))


def _spacing(text: str) -> tuple[float, float, float] | None:
    if not text.strip():
        return None
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    found = found * 3 if len(found) == 1 else found
    if len(found) != 3 or not all(np.isfinite(each) and 0.05 <= each <= 100 for each in found):
        raise UsageError(f"{text!r} is no spacing.", hint='Give millimetres: "1" or "3,1,1" (slices, rows, columns).')
    return found[0], found[1], found[2]

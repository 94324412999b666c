"""The loader of pictures that were exported from medical archives: PNG, JPEG, TIFF and the like, of 8 or 16 bits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.loaders.formats import SUFFIXES
from fieldglass.loaders.paths import inside, open_regular
from fieldglass.loaders.picture import PictureError, decode, open_header
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.crop import cropped, parse_crop
from fieldglass_medical.identity import Identity, default_key
from fieldglass_medical.path_groups import NO_PATIENT, PathGroups
from fieldglass_medical.private_files import PrivateFiles, problem_of
from fieldglass_medical.samples import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pictures"]

_DEEP = ("I", "F")  # and "I;16": more than 8 bits a sample


class Pictures(PrivateFiles):
    """Pictures below a folder, under keyed hashes: paths tell patients. For research, not for diagnosis.

    :param pattern: where paths name patients: "{patient}/{study}/*.png"; the folder of a file is its patient if empty.
    :param table: a table below the folder with the columns file, patient, and if you like study and series.
    :param bits: how many of 16 are in use (12 in many exports); 0 stretches each from its 0.5th to 99.5th percentile.
    :param crop: the part that is taken, "left,top,right,bottom" as shares; all if empty.
    :param key: the file of the secret key; made where it is missing.
    :param max_pixels: a larger picture is refused from its header.

    Grey pictures of 16 bits are (H, W, 1) float32 from 0 to 1, all others (H, W, 3) uint8 sRGB.
    """

    def __init__(
        self,
        *,
        pattern: str = "",
        table: str = "",
        bits: int = 16,
        crop: str = "",
        key: str = "",
        max_pixels: int = 50_000_000,
    ) -> None:
        if not 0 <= bits <= 32 or max_pixels < 1:
            raise UsageError("bits must be from 0 to 32, and max_pixels at least 1.")
        if pattern and table:
            raise UsageError("Patients are told by a pattern or by a table, not by both.")
        self.bits, self.max_pixels, self.crop = bits, max_pixels, parse_crop(crop)
        self.identity = Identity(Path(key) if key else default_key())
        self.groups = PathGroups(self.identity, pattern, table)

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per picture, from its header; what is no picture by its suffix is passed over."""
        base, names = self.files(root, SUFFIXES)
        table = self.groups.load(base, alone=self.real(root).is_file())
        for name in names:
            yield from self._item(name, base, table)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The pictures, or why not."""
        base = self.base(root)
        for item in items:
            try:
                with open_regular(self.path_of(item.id, base)) as file:
                    yield self._sample(file)
            except Exception as error:  # what libraries say may hold the path
                yield _problem(item.id, error)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(H, W, 3) uint8."""
        return shown(sample, 0.5, 1.0)

    def _item(self, name: str, base: Path, table: Mapping[str, Mapping[str, str]]) -> Iterator[Item | Problem]:
        subject = self.identity.of("file", name)
        try:
            path = inside(base, name)
            status = path.stat()
            with open_regular(path) as file:
                width, height = open_header(file, max_pixels=self.max_pixels)[1].size
        except Exception as error:
            yield _problem(subject, error)
            return
        self.identity.remember(base, subject, name)
        groups = self.groups.of(name, table)
        if "patient" not in groups:
            groups["patient"] = subject
            yield Problem(subject, "picture-no-patient", NO_PATIENT, severity="warning")
        stamp = self.identity.of("stamp", f"{status.st_size}-{status.st_mtime_ns}")
        columns = {"rows": height, "columns": width, "burned_in": "unknown"}
        yield Item(subject, (), {"file": subject, "stamp": stamp}, columns, groups)

    def _sample(self, file: IO[bytes]) -> Sample:
        _, picture = open_header(file, max_pixels=self.max_pixels)
        if picture.mode not in _DEEP and not picture.mode.startswith("I;"):
            file.seek(0)
            return Sample("image", np.ascontiguousarray(cropped(decode(file, max_pixels=self.max_pixels), self.crop)))
        picture.load()
        values = cropped(np.asarray(picture).astype(np.float32), self.crop)
        finite = np.isfinite(values)
        low, high = 0.0, float(2**self.bits - 1)
        if not self.bits or picture.mode == "F":
            inner = values[finite]
            low, high = (float(each) for each in np.percentile(inner, (0.5, 99.5))) if inner.size else (0.0, 1.0)
        shades = np.clip((np.where(finite, values, low) - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
        mask = None if finite.all() else finite
        return Sample("image", shades[..., None], ("L",), "unit", mask)


def _problem(subject: str, error: Exception) -> Problem:
    if isinstance(error, PictureError):  # without what Pillow adds
        return Problem(subject, error.code, re.sub(r" \([^)]*\)", "", error.message))
    return problem_of(subject, error, "image-damaged", "The picture cannot be read")

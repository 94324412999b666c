"""Single-frame DICOM: computed tomography in Hounsfield units, other grey pictures windowed, colour as it is."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

from fieldglass.errors import LoaderError
from fieldglass.loaders.paths import OutsideError, inside, open_regular, portable
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.identity import Identity, default_key
from fieldglass_medical.pixels import grey, padding, rescale, window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Dicom"]

_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})
WINDOWS = {"soft": (40.0, 400.0), "lung": (-600.0, 1500.0), "bone": (400.0, 1800.0)}
# What may enter the index: a list of what is allowed, never of what is not. No date, name or description.
_COLUMNS = {
    "modality": "Modality",
    "body_part": "BodyPartExamined",
    "view": "ViewPosition",
    "manufacturer": "Manufacturer",
    "rows": "Rows",
    "columns": "Columns",
}
_TAGS = [
    *_COLUMNS.values(), "SOPInstanceUID", "PatientID", "IssuerOfPatientID", "InstitutionName", "StudyInstanceUID",
    "SeriesInstanceUID", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "PixelSpacing",
]  # fmt: skip


class Dicom:
    """DICOM files below a folder, whatever their suffix; other files are passed over.

    :param key: the file of the secret key; made where it is missing.
    :param window: how Hounsfield units are shown: soft, lung or bone.
    :param max_pixels: a larger picture is refused from its header.

    Ids, groups and journal subjects are keyed hashes; no tag that tells who a patient is enters the index.
    For research, not for diagnosis.
    """

    private = True

    def __init__(
        self, *, key: str = "", window: Literal["soft", "lung", "bone"] = "soft", max_pixels: int = 50_000_000
    ) -> None:
        # what pydicom warns of and logs may quote a tag's value
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        logging.getLogger("pydicom").setLevel(logging.CRITICAL)
        self.identity = Identity(Path(key) if key else default_key())
        self.window = window
        self.max_pixels = max_pixels

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per single-frame picture, from its header."""
        if not root.exists():
            raise LoaderError("There is no such folder or file.", hint="Check the path and its drive.")
        base = _base(root)
        try:
            for path in sorted(_walk(root)):
                found = self._file(portable(path.relative_to(base).as_posix()), base)
                if found is not None:
                    yield found
        finally:
            self.identity.flush()

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """Hounsfield units for CT, 0..1 after the window for other grey pictures, sRGB for colour."""
        base = _base(root)
        for item in items:
            name = self.identity.path(base, item.id)
            try:
                if name is None:
                    raise FileNotFoundError
                with open_regular(inside(base, name)) as file:
                    yield _sample(pydicom.dcmread(file), item.id)
            except OutsideError:
                yield Problem(item.id, "path-outside", "The link leads out of the source.")
            except FileNotFoundError:
                yield Problem(item.id, "file-missing", "The file is not there, or the key is another one.")
            except Exception as error:  # pydicom raises a score of kinds, and their texts may hold a tag's value
                yield Problem(item.id, "dicom-pixels", f"The pixels cannot be decoded ({type(error).__name__}).")

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(H, W, 3) uint8; Hounsfield units through the window of the options."""
        if sample.units == "srgb8":
            return np.asarray(sample.content)
        shades = window(sample.content, *WINDOWS[self.window]) if sample.units == "HU" else sample.content
        if sample.mask is not None:
            shades = np.where(sample.mask[..., None], shades, 0)
        return np.repeat((shades * 255 + 0.5).astype(np.uint8), 3, axis=-1)

    def _file(self, name: str, base: Path) -> Item | Problem | None:
        subject = self.identity.of("file", name)
        try:
            path = inside(base, name)
            status = path.stat()
            named = PurePosixPath(name).suffix.lower() in _SUFFIXES
            found = self._item(path, subject, f"{status.st_size}-{status.st_mtime_ns}", named)
        except OutsideError:
            return Problem(subject, "path-outside", "The link leads out of the source.")
        except Exception as error:  # as above
            return Problem(subject, "dicom-damaged", f"The header cannot be read ({type(error).__name__}).")
        if isinstance(found, Item):
            self.identity.remember(base, subject, name)
        return found

    def _item(self, path: Path, subject: str, stamp: str, named: bool) -> Item | Problem | None:
        with open_regular(path) as file:
            if file.read(132)[128:] != b"DICM":
                said = "Its name says DICOM, its content does not."
                return Problem(subject, "dicom-no-preamble", said) if named else None
            file.seek(0)
            syntax = pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID")
            if syntax == DeflatedExplicitVRLittleEndian:
                return Problem(subject, "dicom-deflated", "A deflated file is not read: its size is not known before.")
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
        if "Rows" not in header or "Columns" not in header:
            return Problem(subject, "dicom-no-picture", "It holds no picture: a report, a plan or the like.")
        if int(header.get("NumberOfFrames") or 1) > 1:
            return Problem(subject, "dicom-multi-frame", "A file of several frames is not read yet.")
        if header.Rows * header.Columns > self.max_pixels:
            return Problem(subject, "dicom-too-large", f"{header.Columns} x {header.Rows} pixels are over the limit.")
        named = {name: header.get(keyword) for name, keyword in _COLUMNS.items()}
        metadata = {name: each if isinstance(each, int) else str(each) for name, each in named.items() if each}
        return Item(subject, (), {"stamp": stamp}, metadata, self._groups(header))

    def _groups(self, header: Any) -> dict[str, str]:
        """Patient, study and series as keyed hashes; a file without a patient id groups by its study."""
        study = str(header.get("StudyInstanceUID") or "")
        names = ("PatientID", "IssuerOfPatientID", "InstitutionName")
        patient = [str(header.get(name) or "") for name in names]
        parts = {
            "patient": patient if patient[0] else ["study", study] if study else [],
            "study": [study] if study else [],
            "series": [str(header.SeriesInstanceUID)] if header.get("SeriesInstanceUID") else [],
        }
        return {kind: self.identity.of(kind, *part) for kind, part in parts.items() if part}


def _walk(root: Path) -> Iterator[Path]:
    """Every file below a folder, links to folders not followed; a DICOMDIR is an index, not a picture."""
    if root.is_file():
        yield root
        return
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names if not name.startswith(".") and name != "DICOMDIR")


def _base(root: Path) -> Path:
    return (root.parent if root.is_file() else root).resolve()


def _sample(dataset: Any, subject: str) -> Sample | Problem:
    """A data set decoded; a Problem where nothing here can decode its compression."""
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        return Problem(subject, "dicom-transfer-syntax", f"There is no decoder here for {syntax.name} ({syntax}).")
    pixels = pixel_array(dataset)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
    spacing = tuple(float(each) for each in dataset.get("PixelSpacing") or ()) or None
    if pixels.ndim == 3:
        bits = 8 * pixels.dtype.itemsize
        return Sample("image", (pixels >> (bits - 8)).astype(np.uint8), ("R", "G", "B"), "srgb8", None, spacing)
    valid = padding(pixels, dataset)
    values = rescale(pixels, dataset)
    if dataset.get("Modality") == "CT":
        return Sample("image", values[..., None], ("HU",), "HU", valid, spacing)
    return Sample("image", grey(values, dataset, valid)[..., None], ("L",), "unit", valid, spacing)

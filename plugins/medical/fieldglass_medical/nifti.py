"""NIfTI: volumes of a folder by nibabel, and volumes written as NIfTI (RAS)."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.loaders.paths import inside
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.identity import Identity, default_key
from fieldglass_medical.private_files import PrivateFiles, problem_of
from fieldglass_medical.refusal import Refusal
from fieldglass_medical.samples import shown
from fieldglass_medical.volume import Volume
from fieldglass_medical.windows import parse_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Nifti", "read_header", "read_volume", "write_nifti"]

_SUFFIXES = (".nii", ".nii.gz")
_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


class Nifti(PrivateFiles):
    """NIfTI volumes (.nii, .nii.gz) below a folder. Four-dimensional ones are taken at `volume`.

    :param units: "hu" for computed tomography in Hounsfield units; "grey" scales each volume by its percentiles.
    :param window: how Hounsfield units are shown, as of `med/dicom`.
    :param volume: which volume of a series over time, from 0.
    :param key: the file of the secret key; made where it is missing.
    :param max_bytes: a larger volume is refused from its header.

    (D, H, W, 1) float32 in the plane and order of `med/dicom`: slices towards the head, rows towards the back, columns
    towards the left. Ids are keyed hashes of the paths, since paths tell patients. For research, not for diagnosis.
    """

    def __init__(
        self, *, units: str = "grey", window: str = "soft", volume: int = 0, key: str = "", max_bytes: int = 2 << 30
    ) -> None:
        if units not in ("hu", "grey"):
            raise UsageError(f"units={units!r} is not known.", hint="Give hu or grey.")
        if volume < 0 or max_bytes < 1:
            raise UsageError("volume must be 0 or more, and max_bytes 1 or more.")
        self.units, self.volume, self.max_bytes = units, volume, max_bytes
        self.center, self.width = parse_window(window)
        self.identity = Identity(Path(key) if key else default_key())

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per file, from its header. A file's folder is its patient."""
        base, names = self.files(root, _SUFFIXES)
        for name in names:
            yield from self._item(name, base)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The volumes, or why not."""
        base = self.base(root)
        for item in items:
            try:
                path = self.path_of(item.id, base)
                yield read_volume(path, units=self.units, volume=self.volume, max_bytes=self.max_bytes)
            except Exception as error:  # nibabel raises many kinds, and their texts hold the path
                yield _problem(item.id, error)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(H, W, 3) uint8: the middle slice."""
        return shown(sample, self.center, self.width)

    def _item(self, name: str, base: Path) -> Iterator[Item | Problem]:
        subject = self.identity.of("file", name)
        try:
            path = inside(base, name)
            status = path.stat()
            header = read_header(path, volume=self.volume, max_bytes=self.max_bytes)
        except Exception as error:
            yield _problem(subject, error)
            return
        self.identity.remember(base, subject, name)
        shape, zooms = header.get_data_shape(), header.get_zooms()
        if not int(header["sform_code"]) and not int(header["qform_code"]):
            said = "It does not say how it lies in the patient: its axes are taken for right, front and head."
            yield Problem(subject, "nifti-no-orientation", said, severity="warning")
        folder = name.rpartition("/")[0]
        stamp = self.identity.of("stamp", f"{status.st_size}-{status.st_mtime_ns}")
        columns: dict[str, Any] = {"rows": int(shape[1]), "columns": int(shape[0]), "slices": int(shape[2])}
        columns["slice_spacing"] = round(float(zooms[2]), 4)
        patient = self.identity.of("folder", folder) if folder else subject
        yield Item(subject, (), {"file": subject, "stamp": stamp}, columns, {"patient": patient})


def read_header(path: Path, *, volume: int = 0, max_bytes: int) -> Any:
    """The header of a file that `read_volume` takes. Refusal says why not, before any voxel is read."""
    import nibabel

    header = nibabel.load(path).header
    shape = tuple(int(each) for each in header.get_data_shape())
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise Refusal("nifti-shape", f"It has {len(shape)} dimensions; 3 or 4 are read.")
    if len(shape) == 4 and volume >= shape[3]:
        raise Refusal("nifti-shape", f"It has {shape[3]} volumes, and volume={volume} is asked for.")
    if 4 * math.prod(shape[:3]) > max_bytes:
        raise Refusal("nifti-too-large", "The volume is over the limit (--set max_bytes=N).")
    if header.get_data_dtype().names or header.get_data_dtype().kind == "c":
        raise Refusal("nifti-colour", "Colour and complex values are not read.")
    return header


def read_volume(path: Path, *, units: str = "hu", volume: int = 0, max_bytes: int) -> Sample:
    """A file as a sample: slices from the feet up, rows from the front, columns from the right; `units` hu or grey.

    Refusal of `read_header`; other errors are those of nibabel.
    """
    import nibabel

    read_header(path, volume=volume, max_bytes=max_bytes)
    image = nibabel.load(path)
    if len(image.shape) == 4:
        image = image.slicer[..., volume : volume + 1]
        image = nibabel.Nifti1Image(np.asarray(image.dataobj, dtype=np.float32)[..., 0], image.affine)
    image = nibabel.as_closest_canonical(image)  # RAS
    values = np.asarray(image.dataobj, dtype=np.float32).transpose(2, 1, 0)[:, ::-1, ::-1]  # LPS, slices first
    spacing = tuple(float(each) if np.isfinite(each) and each > 0 else 1.0 for each in image.header.get_zooms()[:3])
    valid = np.isfinite(values)
    mask = None if valid.all() else np.ascontiguousarray(valid)
    values = np.ascontiguousarray(np.where(valid, values, np.float32(0)))
    if units == "grey":
        inner = values if mask is None else values[mask]
        low, high = np.percentile(inner, (0.5, 99.5)) if inner.size else (0.0, 1.0)
        values = np.clip((values - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)
    bands, unit = (("HU",), "HU") if units == "hu" else (("L",), "unit")
    # air is about -1000 HU: a volume without it was most likely written without its intercept
    measured = {"doubt": "no-negative-hu"} if unit == "HU" and values.min() >= 0 else {}
    return Sample("volume", values[..., None], bands, unit, mask, spacing[::-1], measured)


def write_nifti(volume: Volume, path: Path) -> None:
    """A volume as NIfTI-1 with its affine in RAS; nothing of a header but geometry and values goes along."""
    import nibabel

    values = np.ascontiguousarray(volume.values.transpose(2, 1, 0))
    image = nibabel.Nifti1Image(values, _FROM_LPS @ volume.affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def _problem(subject: str, error: Exception) -> Problem:
    if isinstance(error, (EOFError, gzip.BadGzipFile)):
        return Problem(subject, "nifti-truncated", "The file ends before its data does.")
    return problem_of(subject, error, "nifti-damaged", "The file cannot be read")

"""Stacks to volumes: decoded slice by slice into one array, put on an even grid, resampled.

The array keeps the plane of the slices, as they are shown: (slices, rows, columns), slices from the foot of the normal
up. `affine` maps its indices (column, row, slice) to the patient's millimetres (LPS).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.types import Sample
from fieldglass_medical.archive import open_place
from fieldglass_medical.decode import check_size, frames
from fieldglass_medical.frames import frame_header
from fieldglass_medical.opening import open_dicom
from fieldglass_medical.pixels import grey, in_hounsfield, number, padding, rescale, window_of
from fieldglass_medical.refusal import Refusal
from fieldglass_medical.resample import resampled, sheared
from fieldglass_medical.samples import shown_through

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AIR", "Volume", "affine_of", "read_volume"]

AIR = -1024.0
_TAGS = [
    "Modality", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PhotometricInterpretation", "PlanarConfiguration", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PresentationLUTShape", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
]  # fmt: skip


@dataclass(frozen=True)
class Volume:
    """(D, H, W) float32 in "HU" or "unit", its mask or None, mm per index (z, y, x), and the (4, 4) LPS affine."""

    values: NDArray[np.float32]
    mask: NDArray[np.bool_] | None
    units: str
    spacing: tuple[float, float, float]
    affine: NDArray[np.float64]
    window: tuple[float, float] | None = None  # of the file, for "unit"

    def sample(self) -> Sample:
        """The same as a sample of kind "volume": (D, H, W, 1)."""
        bands = ("HU",) if self.units == "HU" else ("L",)
        return Sample(
            "volume", self.values[..., None], bands, self.units, self.mask, self.spacing, shown_through(self.window)
        )


def read_volume(
    base: Path,
    members: Sequence[tuple[str, int]],
    locator: Any,
    *,
    spacing: tuple[float, float, float] | None,
    max_pixels: int,
    max_bytes: int,
    lenient: bool = False,
) -> Volume:
    """The volume of the files and frames of a stack, in its order; `locator` holds what the scan found of it."""
    values, mask, header = _decoded(base, members, max_pixels, max_bytes, lenient)
    units = "HU" if in_hounsfield(header) else "unit"
    if units == "HU" and mask is not None:
        values[~mask] = AIR
    told = None
    if units == "unit":
        values, told = grey(values, header, mask), window_of(header)
    now: tuple[float, float, float] = tuple(float(each) for each in locator["spacing"])  # type: ignore[assignment]
    outside = AIR if units == "HU" else 0.0
    shear = tuple(float(each) for each in locator.get("shear") or (0.0, 0.0))
    if any(shear):
        values, mask = sheared(values, mask, (shear[0] / now[1], shear[1] / now[2]), outside)
    at = locator.get("at")
    if at or spacing is not None:
        wanted = spacing or now
        shape = values.shape
        places = [
            np.asarray(at or np.arange(shape[0]) * now[0], dtype=np.float64),
            np.arange(shape[1]) * now[1],
            np.arange(shape[2]) * now[2],
        ]
        _check_bytes([int(each[-1] / step) + 1 for each, step in zip(places, wanted, strict=True)], max_bytes)
        values, mask = resampled(values, mask, places, wanted)
        now = wanted
    return Volume(values, mask, units, now, affine_of(locator, now), told)


def affine_of(locator: Any, spacing: Sequence[float]) -> NDArray[np.float64]:
    """(4, 4): indices (column, row, slice) to millimetres in LPS."""
    axes = np.asarray(locator["axes"], dtype=np.float64)
    normal = np.cross(axes[:3], axes[3:])
    found = np.eye(4)
    found[:3, 0], found[:3, 1], found[:3, 2] = axes[:3] * spacing[2], axes[3:] * spacing[1], normal * spacing[0]
    found[:3, 3] = locator["origin"]
    return found


def _decoded(
    base: Path, members: Sequence[tuple[str, int]], max_pixels: int, max_bytes: int, lenient: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None, Any]:
    """(D, H, W) rescaled, the mask or None, and a header that holds for all slices."""
    values: NDArray[np.float32] | None = None
    mask: NDArray[np.bool_] | None = None
    first: Any = None
    windows = set()
    for place, (stored, header) in enumerate(_slices(base, members, max_pixels, lenient)):
        if stored.ndim != 2:
            raise Refusal("series-colour", "A series in colour makes no volume; index it by instance.")
        if values is None:
            _check_bytes((len(members), *stored.shape), max_bytes)
            values, first = np.empty((len(members), *stored.shape), dtype=np.float32), header
        if stored.shape != values.shape[1:]:
            raise Refusal("series-changed", "Its slices are no longer of one size; run again.")
        values[place] = rescale(stored, header)
        valid = padding(stored, header)
        if valid is not None and not valid.all():
            mask = np.ones(values.shape, dtype=bool) if mask is None else mask
            mask[place] = valid
        windows.add((number(header, "WindowCenter"), number(header, "WindowWidth")))
    if values is None:
        raise FileNotFoundError
    if len(windows) > 1:  # windows of single slices would let their greys jump
        for keyword in ("WindowCenter", "WindowWidth", "VOILUTSequence"):
            if keyword in first:
                del first[keyword]
    return values, mask, first


def _slices(
    base: Path, members: Sequence[tuple[str, int]], max_pixels: int, lenient: bool
) -> Iterator[tuple[NDArray[Any], Any]]:
    for place, run in groupby(members, key=lambda member: member[0]):
        with ExitStack() as stack:
            opened = open_dicom(stack.enter_context(open_place(base, place)), tags=list(_TAGS))
            check_size(opened, max_pixels=max_pixels, lenient=lenient)
            indices = [index for _, index in run]
            for index, stored in zip(indices, frames(opened, indices), strict=True):
                yield stored, frame_header(opened.header, index)


def _check_bytes(shape: Sequence[int], max_bytes: int) -> None:
    need = 4 * int(np.prod([int(each) for each in shape], dtype=np.int64))
    if need > max_bytes:
        raise Refusal(
            "series-too-large", f"The volume takes {need >> 20} MiB, over the limit of {max_bytes >> 20} MiB."
        )

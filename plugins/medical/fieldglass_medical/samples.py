"""Decoded frames to samples: Hounsfield units, grey after its window, or colour; several frames to a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.loaders.several import evenly
from fieldglass.types import Sample
from fieldglass_medical.decode import frames
from fieldglass_medical.frames import count, frame_header
from fieldglass_medical.opening import Opened
from fieldglass_medical.pixels import (
    colour,
    eight_bit,
    grey,
    in_hounsfield,
    padding,
    rescale,
    shades,
    thrice,
    window_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["clip_of", "picture_of", "shown", "shown_through", "spacing_of"]


def picture_of(stored: NDArray[Any], header: Any) -> Sample:
    """One frame: (H, W, 1) float32 "HU" or "unit", or (H, W, 3) uint8 "srgb8"; spacing in mm (rows, columns)."""
    spacing = spacing_of(header)
    if stored.ndim == 3 or header.get("PhotometricInterpretation") == "PALETTE COLOR":
        return Sample("image", colour(stored, header), ("R", "G", "B"), "srgb8", None, spacing)
    valid = padding(stored, header)
    values = rescale(stored, header)
    finite = np.isfinite(values)
    if not finite.all():
        valid = finite if valid is None else valid & finite
        values = np.where(finite, values, np.float32(0))
    if in_hounsfield(header):
        return Sample("image", values[..., None], ("HU",), "HU", valid, spacing)
    levels = grey(values, header, valid)[..., None]
    return Sample("image", levels, ("L",), "unit", valid, spacing, shown_through(window_of(header)))


def shown_through(told: tuple[float, float] | None) -> dict[str, float]:
    """The columns of a window in the file, if it has one."""
    return {} if told is None else {"window_center": told[0], "window_width": told[1]}


def clip_of(opened: Opened, most: int, center: float, width: float) -> Sample:
    """(T, H, W, 3) uint8 of at most so many frames, evenly over the file; one decoded frame is held at a time."""
    total = count(opened.header)
    chosen = evenly(total, most)
    found: NDArray[np.uint8] | None = None
    windows = set()
    for place, (index, stored) in enumerate(zip(chosen, frames(opened, chosen), strict=True)):
        sample = picture_of(stored, frame_header(opened.header, index))
        windows.add((center, width) if sample.units == "HU" else tuple(sample.measured.values()))
        each = shown(sample, center, width)
        if found is None:
            found = np.empty((len(chosen), *each.shape), dtype=np.uint8)
        found[place] = each
    told = next(iter(windows)) if len(windows) == 1 else ()
    return Sample("clip", found, ("R", "G", "B"), "srgb8", None, None, shown_through(told or None))


def shown(sample: Sample, center: float, width: float) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, display-ready; Hounsfield units through the window, a volume by its middle slice."""
    content, mask = sample.content, sample.mask
    if content.ndim == 4:
        middle = len(content) // 2
        content, mask = content[middle], None if mask is None else mask[middle]
    if sample.units == "srgb8":
        return np.asarray(content)
    plane = content[..., 0]
    found = shades(plane, center, width) if sample.units == "HU" else eight_bit(np.clip(plane, 0, 1))
    return thrice(found if mask is None else np.where(mask, found, np.uint8(0)))


def spacing_of(header: Any) -> tuple[float, float] | None:
    """Millimetres between rows and between columns: of the patient, else of the detector; None where not told."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            rows, columns = (float(each) for each in header.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if np.isfinite(rows) and np.isfinite(columns) and rows > 0 and columns > 0:
            return rows, columns
    return None

"""Stored values of one frame to physical units and to grey levels, in the order of the standard (PS3.3 C.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "colour", "eight_bit", "grey", "in_hounsfield", "number", "padding", "rescale", "shades", "thrice", "window",
    "window_of",
]  # fmt: skip


def rescale(stored: NDArray[Any], dataset: Any) -> NDArray[np.float32]:
    """The modality LUT, else slope and intercept, never both. ValueError for a slope of 0."""
    if dataset.get("ModalityLUTSequence"):
        from pydicom.pixels import apply_modality_lut

        return np.asarray(apply_modality_lut(stored, dataset), dtype=np.float32)
    slope, intercept = _or(number(dataset, "RescaleSlope"), 1.0), _or(number(dataset, "RescaleIntercept"), 0.0)
    if slope == 0:
        raise ValueError("the rescale slope is 0")
    exact = stored.dtype.itemsize <= 2  # 16 bits fit the 24 of a float32
    values = stored.astype(np.float32 if exact else np.float64)
    if slope != 1:
        values *= values.dtype.type(slope)
    if intercept != 0:
        values += values.dtype.type(intercept)
    return values.astype(np.float32, copy=False)


def in_hounsfield(dataset: Any) -> bool:
    """Whether `rescale` gives Hounsfield units: computed tomography that says how it is rescaled."""
    said = "RescaleIntercept" in dataset or bool(dataset.get("ModalityLUTSequence"))
    return dataset.get("Modality") == "CT" and said and (dataset.get("RescaleType") or "HU") == "HU"


def padding(stored: NDArray[Any], dataset: Any) -> NDArray[np.bool_] | None:
    """True where a stored value is not padding; None where the file names no padding."""
    first = number(dataset, "PixelPaddingValue")
    if first is None:
        return None
    last = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((first, first if last is None else last))
    return np.asarray((stored < low) | (stored > high))


def grey(values: NDArray[np.float32], dataset: Any, valid: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Rescaled values to 0..1: the VOI LUT, else the first window, else percentiles; then the inversion.

    The percentiles are the 0.5th and 99.5th of what is not padding.
    """
    told = window_of(dataset)
    if dataset.get("VOILUTSequence"):
        shades = _table(values, dataset)
    elif told is None:
        inner = values if valid is None else values[valid]
        low, high = np.percentile(inner, (0.5, 99.5)) if inner.size else (0.0, 1.0)
        shades = np.clip((values - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)
    else:
        shades = window(values, *told, _function(dataset))
    # after the window: to invert before it is the most repeated mistake of viewers
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE":
        shades = 1 - shades
    return np.asarray(shades, dtype=np.float32)


def window_of(dataset: Any) -> tuple[float, float] | None:
    """Centre and width that a file is shown through: its first window; None where a table or percentiles do it."""
    center, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    least = 1.0 if _function(dataset) == "LINEAR" else np.finfo(np.float32).tiny
    if dataset.get("VOILUTSequence") or center is None or width is None or width < least:
        return None
    return center, width


def window(values: NDArray[np.float32], center: float, width: float, function: str = "LINEAR") -> NDArray[np.float32]:
    """Values to 0..1 by window centre and width (PS3.3 C.11.2.1.2)."""
    if function == "SIGMOID":
        found = 1 / (1 + np.exp(np.clip(-4 * (values.astype(np.float64) - center) / width, -700, 700)))
        return found.astype(np.float32)
    if function == "LINEAR_EXACT":
        low, span = center - width / 2, width
    else:
        low, span = center - 0.5 - (width - 1) / 2, width - 1
    if span <= 0:  # a width of 1 is a threshold
        return (values > low).astype(np.float32)
    found = values.astype(np.float32)
    found -= np.float32(low)
    found /= np.float32(span)
    return np.clip(found, 0, 1, out=found)


def shades(values: NDArray[np.float32], center: float, width: float) -> NDArray[np.uint8]:
    """Values through a window as whole numbers 0..255."""
    return eight_bit(window(values, center, width))


def eight_bit(unit: NDArray[np.float32]) -> NDArray[np.uint8]:
    """0..1 to the nearest of 0..255. Overwrites what it is given."""
    unit *= np.float32(255)
    unit += np.float32(0.5)
    return unit.astype(np.uint8)


def thrice(*bands: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., 3) of three arrays, or of one, for red, green and blue. Several times as fast as `np.repeat`."""
    found = np.empty((*bands[0].shape, 3), dtype=np.uint8)
    for place in range(3):
        found[..., place] = bands[place % len(bands)]
    return found


def colour(stored: NDArray[Any], dataset: Any) -> NDArray[np.uint8]:
    """(..., 3) uint8 sRGB of colour samples, or of indices into a palette."""
    bits = int(dataset.get("BitsStored") or 8 * stored.dtype.itemsize)
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        bits = int(dataset.RedPaletteColorLookupTableDescriptor[2])
        stored = np.asarray(apply_color_lut(stored, dataset))
        if bits > 8 and stored.max() < 256:  # tables of 8 bits that say 16 are common
            bits = 8
    stored = stored[..., :3]
    return np.ascontiguousarray(stored >> max(bits - 8, 0) if bits > 8 else stored << (8 - bits)).astype(np.uint8)


def number(dataset: Any, keyword: str) -> float | None:
    """The first value of a tag as a finite number, or None."""
    value = dataset.get(keyword)
    if value is not None and not isinstance(value, (str, int, float)) and hasattr(value, "__iter__"):
        value = next(iter(value), None)
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None


def _function(dataset: Any) -> str:
    return str(dataset.get("VOILUTFunction") or "LINEAR").upper()


def _table(values: NDArray[np.float32], dataset: Any) -> NDArray[np.float32]:
    """The first VOI lookup table, over the range that its descriptor names."""
    from pydicom.pixels import apply_voi

    bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
    found = np.asarray(apply_voi(np.rint(values).astype(np.int32), dataset), dtype=np.float32)
    return np.clip(found / np.float32(2.0**bits - 1), 0, 1)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value

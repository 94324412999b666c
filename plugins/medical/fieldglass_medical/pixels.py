"""Stored values of one frame to physical units and to grey levels, in the order of the standard (PS3.3 C.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["grey", "padding", "rescale", "window"]


def rescale(stored: NDArray[Any], dataset: Any) -> NDArray[np.float32]:
    """The modality LUT, else slope and intercept. ValueError for a slope of 0."""
    if "ModalityLUTSequence" in dataset:
        from pydicom.pixels import apply_modality_lut

        return np.asarray(apply_modality_lut(stored, dataset), dtype=np.float32)
    slope, intercept = _number(dataset, "RescaleSlope", 1.0), _number(dataset, "RescaleIntercept", 0.0)
    if slope == 0:
        raise ValueError("the rescale slope is 0")
    return np.asarray(stored * np.float64(slope) + intercept, dtype=np.float32)


def padding(stored: NDArray[Any], dataset: Any) -> NDArray[np.bool_]:
    """True where a stored value is not padding."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.ones(stored.shape, dtype=bool)
    last = dataset.get("PixelPaddingRangeLimit", first)
    low, high = sorted((int(first), int(last)))
    return np.asarray((stored < low) | (stored > high))


def grey(values: NDArray[np.float32], dataset: Any, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Rescaled values to 0..1: the file's first window, else the 0.5th to 99.5th percentile; then the inversion."""
    center, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    if "VOILUTSequence" in dataset:
        shades = _table(values, dataset)
    elif center is None or width is None or width < 1:
        low, high = np.percentile(values[valid], (0.5, 99.5)) if valid.any() else (0.0, 1.0)
        shades = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    else:
        shades = window(values, center, width, dataset.get("VOILUTFunction", "LINEAR"))
    # after the window: to invert before it is the most repeated mistake of viewers
    shape, photometric = dataset.get("PresentationLUTShape"), dataset.get("PhotometricInterpretation")
    if photometric == "MONOCHROME1" or shape == "INVERSE":
        shades = 1 - shades
    return np.asarray(shades, dtype=np.float32)


def window(values: NDArray[np.float32], center: float, width: float, function: str = "LINEAR") -> NDArray[np.float32]:
    """Values to 0..1 by window centre and width (PS3.3 C.11.2.1.2)."""
    numbers = values.astype(np.float64)
    if function == "SIGMOID":
        found = 1 / (1 + np.exp(np.clip(-4 * (numbers - center) / width, -700, 700)))
    elif function == "LINEAR_EXACT" or width <= 1:
        found = (numbers - center) / width + 0.5
    else:
        found = (numbers - (center - 0.5)) / (width - 1) + 0.5
    return np.asarray(np.clip(found, 0, 1), dtype=np.float32)


def _table(values: NDArray[np.float32], dataset: Any) -> NDArray[np.float32]:
    """The first VOI lookup table, over the range that its descriptor names."""
    from pydicom.pixels import apply_voi

    bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
    return np.asarray(apply_voi(values.astype(np.int32), dataset) / (2.0**bits - 1), dtype=np.float32)


def _number(dataset: Any, keyword: str, default: float) -> float:
    found = _first(dataset, keyword)
    return default if found is None else found


def _first(dataset: Any, keyword: str) -> float | None:
    value = dataset.get(keyword)
    if value is not None and not isinstance(value, (str, int, float)) and hasattr(value, "__iter__"):
        value = next(iter(value), None)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None

"""Which part of a picture an encoder looks at: many cut the margins off, some fill them up."""

from __future__ import annotations

from typing import Any

import numpy as np

from fieldglass.errors import FieldglassError
from fieldglass.types import Sample

__all__ = ["WHOLE", "Part", "looked_at"]

Part = tuple[float, float, float, float]
WHOLE: Part = (0.0, 0.0, 1.0, 1.0)
_INNER = (0.375, 0.625)  # of what is prepared: inside any filling, as long as no side is four times the other


def looked_at(encoder: Any, height: int, width: int) -> Part:
    """(left, top, right, bottom) as shares of a picture of that size; below 0 and above 1 where it is filled up.

    Found by preparing a picture whose colours are its coordinates; the whole where that tells nothing.
    """
    across = np.linspace(0, 255, width, dtype=np.float32).round().astype(np.uint8)
    down = np.linspace(0, 255, height, dtype=np.float32).round().astype(np.uint8)
    ramp = np.zeros((height, width, 3), dtype=np.uint8)
    ramp[..., 0], ramp[..., 1] = across[None], down[:, None]
    try:
        found = np.asarray(encoder.prepare(Sample("image", ramp)).content)
    except FieldglassError:  # it takes no such picture
        return WHOLE
    while found.ndim > 3:
        found = found[0]
    if found.ndim != 3 or found.shape[2] != 3 or found.dtype != np.uint8 or min(found.shape[:2]) < 8:
        return WHOLE
    left, right = _ends(found[found.shape[0] // 2, :, 0])
    top, bottom = _ends(found[:, found.shape[1] // 2, 1])
    return (left, top, right, bottom) if left < right and top < bottom else WHOLE


def _ends(values: Any) -> tuple[float, float]:
    """Where a line of coordinates begins and ends, continued from its middle."""
    size = len(values)
    near, far = (round(share * (size - 1)) for share in _INNER)
    step = (float(values[far]) - float(values[near])) / 255 / (far - near)
    first = float(values[near]) / 255 - (near + 0.5) * step
    return first, first + size * step

"""Bands of any range to a picture that a person can look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import Sample

__all__ = ["stretch"]

_TRIPLES = (("R", "G", "B"), ("red", "green", "blue"), ("B04", "B03", "B02"), ("B4", "B3", "B2"))


def stretch(sample: Sample) -> NDArray[np.uint8]:
    """(H, W, C) of any type to (H, W, 3) uint8, each band from its 2nd to its 98th percentile; no-data black."""
    valid = np.ones(sample.content.shape[:2], dtype=bool) if sample.mask is None else sample.mask
    chosen = _choose(sample)
    if sample.units == "srgb8":
        picture = np.asarray(chosen, dtype=np.uint8)
    else:
        picture = np.stack([_band(chosen[..., n], valid) for n in range(chosen.shape[-1])], axis=-1)
    if picture.shape[-1] == 1:
        picture = np.repeat(picture, 3, axis=-1)
    return np.asarray(np.where(valid[..., None], picture, 0), dtype=np.uint8)


def _choose(sample: Sample) -> NDArray[np.generic]:
    """Three bands for red, green and blue, or one."""
    for triple in _TRIPLES:
        if set(triple) <= set(sample.bands):
            return sample.content[..., [sample.bands.index(band) for band in triple]]
    return sample.content[..., :3] if sample.content.shape[-1] >= 3 else sample.content[..., :1]


def _band(values: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    numbers = values.astype(np.float64)
    low, high = np.percentile(numbers[valid], (2, 98)) if valid.any() else (0.0, 1.0)
    if high <= low:
        return np.full(values.shape, 128, dtype=np.uint8)  # one value everywhere
    scaled = (numbers - low) / (high - low)
    return (np.clip(scaled, 0, 1) * 255 + 0.5).astype(np.uint8)

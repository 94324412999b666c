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
    seen = values.ravel() if valid.all() else values[valid]
    if values.dtype.kind in "ui" and values.dtype.itemsize <= 2:
        return _by_table(values, seen)
    low, high = np.percentile(seen.astype(np.float64), (2, 98)) if seen.size else (0.0, 1.0)
    return _scaled(values.astype(np.float64), float(low), float(high))


def _by_table(values: NDArray[np.generic], seen: NDArray[np.generic]) -> NDArray[np.uint8]:
    """As `_band`, by counting and looking up: sorting costs five times as much."""
    info = np.iinfo(values.dtype)  # type: ignore[type-var]
    first = int(info.min)
    below = np.cumsum(np.bincount(seen.astype(np.int64) - first, minlength=int(info.max) - first + 1))
    low, high = (_ranked(below, share) + first for share in (0.02, 0.98)) if seen.size else (0.0, 1.0)
    table = _scaled(np.arange(first, int(info.max) + 1, dtype=np.float64), low, high)
    return np.asarray(table[values.astype(np.int64) - first], dtype=np.uint8)


def _ranked(below: NDArray[np.int64], share: float) -> float:
    """The quantile of counted numbers, linear between two, as numpy has it."""
    place = share * (int(below[-1]) - 1)
    under, over = np.searchsorted(below, (np.floor(place) + 1, np.ceil(place) + 1))
    return float(under + (over - under) * (place % 1))


def _scaled(numbers: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    if high <= low:
        return np.full(numbers.shape, 128, dtype=np.uint8)  # one value everywhere
    scaled = (numbers - low) / (high - low)
    return np.asarray(np.clip(scaled, 0, 1) * 255 + 0.5).astype(np.uint8)

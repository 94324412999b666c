"""The distribution of indices over a sample as a vector whose inner products compare distributions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fieldglass_remote_sensing.indices import DIFFERENCES, indices, roles
from fieldglass_remote_sensing.land_cover import valid_pixels

if TYPE_CHECKING:
    from fieldglass.types import F32, Sample

__all__ = ["BINS", "MEASURES", "WIDTH", "distributions"]

BINS = 16
# What is measured and its range: indices, mean visible reflectance, and radar in dB.
MEASURES: Mapping[str, tuple[float, float]] = {
    **{name: (-1.0, 1.0) for name in DIFFERENCES},
    "brightness": (0.0, 0.8),
    "VV": (-30.0, 5.0),
    "VH": (-35.0, 0.0),
    "VV-VH": (-5.0, 20.0),
}
WIDTH = len(MEASURES) * (BINS + 1)


def distributions(sample: Sample) -> F32:
    """(153,) float32 of unit norm: for each measure the square roots of 16 bin shares and of "not measured".

    The inner product of two such vectors is the mean Bhattacharyya coefficient of their measures: 1 for the same
    distributions. A pixel counts for the two bins that it lies between.
    """
    measured = dict(_measured(sample)) if sample.units != "srgb8" or len(sample.bands) > 3 else {}
    rows = np.zeros((len(MEASURES), BINS + 1))
    for row, (name, (low, high)) in enumerate(MEASURES.items()):
        values = measured.get(name)
        if values is None or not values.size:
            rows[row, BINS] = 1.0
            continue
        place = np.clip((values - low) / (high - low), 0, 1) * (BINS - 1)
        left = np.minimum(place.astype(np.int64), BINS - 2)
        part = place - left
        counts = np.bincount(left, 1 - part, BINS) + np.bincount(left + 1, part, BINS)
        rows[row, :BINS] = counts / counts.sum()
    return np.asarray(np.sqrt(rows / len(MEASURES)).ravel(), dtype=np.float32)


def _measured(sample: Sample) -> Iterator[tuple[str, F32]]:
    valid = valid_pixels(sample)
    if sample.units == "dB":
        if {"VV", "VH"} <= set(sample.bands):
            co, cross = (sample.content[valid, sample.bands.index(band)] for band in ("VV", "VH"))
            yield from (("VV", co), ("VH", cross), ("VV-VH", co - cross))
        return
    for name, values in indices(sample).items():
        kept = values[valid]
        yield name, kept[np.isfinite(kept)]
    if sample.units == "reflectance":
        visible = [values for role, values in roles(sample).items() if role in "RGB"]
        if visible:
            yield "brightness", np.mean(visible, axis=0, dtype=np.float32)[valid]

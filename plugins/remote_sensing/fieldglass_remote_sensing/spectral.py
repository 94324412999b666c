"""Samples of Sentinel-1 and Sentinel-2 as the arrays that networks trained on them take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError
from fieldglass_remote_sensing.land_cover import valid_pixels

if TYPE_CHECKING:
    from fieldglass.types import F32, Sample

__all__ = ["RADAR", "SENTINEL2", "radar", "sentinel2"]

SENTINEL2 = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
RADAR = ("VV", "VH")
_DECIBEL = (-50.0, 10.0)
_OUTSIDE = 0.1  # of the pixels: what a few strong reflectors may do


def sentinel2(sample: Sample, encoder: str) -> F32:
    """(13, H, W) float32 reflectance of the 13 bands by name; a lacking B10 is zero, as in L2A. No-data is 0.

    Reflectance already has the offset of baseline 04.00 removed, so it is the number of older products / 10 000,
    which the networks were trained on. UsageError names the bands that lack, or other units.
    """
    lacking = [band for band in SENTINEL2 if band not in sample.bands and band != "B10"]
    if lacking:
        raise UsageError(
            f"{encoder} needs the Sentinel-2 bands {', '.join(lacking)}; this image has {', '.join(sample.bands)}.",
            hint="Index all bands of the product, or use rs/mini, which takes any.",
        )
    valid = valid_pixels(sample)
    planes = np.zeros((len(SENTINEL2), *sample.content.shape[:2]), dtype=np.float32)
    for row, band in enumerate(SENTINEL2):
        if band in sample.bands:
            planes[row] = np.where(valid, sample.content[..., sample.bands.index(band)], 0)
    return np.maximum(planes, 0)


def radar(sample: Sample, encoder: str) -> F32:
    """(2, H, W) float32 VV and VH in dB as stored; no-data takes the mean of its band.

    UsageError where the polarisations are others, or the numbers cannot be decibels.
    """
    if not set(RADAR) <= set(sample.bands):
        raise UsageError(
            f"{encoder} was trained on VV and VH; this image has {', '.join(sample.bands)}.",
            hint="HH and HV of polar scenes are another measurement.",
        )
    valid = valid_pixels(sample)
    planes = np.stack([sample.content[..., sample.bands.index(band)].astype(np.float32) for band in RADAR])
    kept = planes[:, valid]
    if kept.size and ((kept < _DECIBEL[0]) | (kept > _DECIBEL[1])).mean() > _OUTSIDE:
        raise UsageError(
            f"{encoder} takes decibels; values from {kept.min():.3g} to {kept.max():.3g} are none.",
            hint="Say what they are: --set s1_units=linear_power or amplitude_dn.",
        )
    means = kept.mean(axis=1) if valid.any() else np.zeros(len(RADAR), dtype=np.float32)
    return np.where(valid, planes, means[:, None, None]).astype(np.float32)

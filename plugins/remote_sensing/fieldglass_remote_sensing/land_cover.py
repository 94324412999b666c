"""What covers the ground, pixel by pixel, by thresholds on indices: coarse, and the same for every scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fieldglass_remote_sensing.indices import indices, roles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, Bitmap, Sample

__all__ = ["COVERS", "shares", "valid_pixels"]

# A cover and what it means in words; a text is compared with both.
COVERS: Mapping[str, str] = {
    "water": "water: a lake, a river, a reservoir or the sea",
    "snow and ice": "snow and ice: a glacier, an ice sheet or snow-covered ground",
    "clouds": "clouds: a cloudy sky that hides the ground",
    "forest": "forest: dense trees, woodland or jungle",
    "crops and grass": "crops and grass: green fields, farmland, meadows and pasture",
    "shrubs": "shrubs: sparse dry vegetation, bushland, savanna or steppe",
    "bare ground": "bare ground: desert, sand, rock or dry soil",
    "burned area": "burned area: ground that a wildfire has blackened",
    "buildings": "buildings: a city, a town or an industrial area",
}


def shares(sample: Sample) -> F32:
    """(9,) float32 in the order of `COVERS`: the share of the valid pixels; all 0 where nothing can be said.

    Reflectance with red and near infrared is needed, or two radar channels in dB. Snow needs short-wave infrared
    to differ from clouds. "buildings" comes from radar alone: an index of one date takes dry soil for a town.
    """
    valid = valid_pixels(sample)
    found = _radar(sample) if sample.units == "dB" else _optical(sample) if sample.units == "reflectance" else {}
    counts = np.array([float((found[name] & valid).sum()) if name in found else 0.0 for name in COVERS])
    return np.asarray(counts / max(counts.sum(), 1.0), dtype=np.float32)


def valid_pixels(sample: Sample) -> Bitmap:
    """(H, W) bool: not masked, and a number in every band."""
    valid: Bitmap = np.isfinite(sample.content).all(axis=-1)
    return valid if sample.mask is None else valid & sample.mask


def _optical(sample: Sample) -> dict[str, NDArray[np.bool_]]:
    measured, bands = indices(sample), roles(sample)
    if "ndvi" not in measured or "ndwi" not in measured:
        return {}
    ndvi, ndwi = (np.nan_to_num(measured[name]) for name in ("ndvi", "ndwi"))
    visible = (bands["R"] + bands["G"]) / 2
    bright = (visible > 0.3) & (ndvi < 0.35)
    snow = bright & (np.nan_to_num(measured["mndwi"]) > 0.4) if "mndwi" in measured else np.zeros_like(bright)
    free = ~bright
    water = free & (ndwi > 0.05) & (ndvi < 0.15)  # mndwi would take shaded snow for water
    burned = np.zeros_like(bright)
    if "nbr" in measured:
        burned = free & ~water & (np.nan_to_num(measured["nbr"]) < -0.3) & (bands["N"] < 0.2)
    free = free & ~water & ~burned
    forest = free & (ndvi > 0.5) & (visible < 0.06)
    green = free & ~forest & (ndvi > 0.35)
    shrubs = free & ~forest & ~green & (ndvi > 0.15)
    return {
        "water": water,
        "snow and ice": snow,
        "clouds": bright & ~snow,
        "forest": forest,
        "crops and grass": green,
        "shrubs": shrubs,
        "bare ground": free & ~forest & ~green & ~shrubs,
        "burned area": burned,
    }


def _radar(sample: Sample) -> dict[str, NDArray[np.bool_]]:
    if not {"VV", "VH"} <= set(sample.bands):
        return {}
    co, cross = (np.nan_to_num(sample.content[..., sample.bands.index(band)]) for band in ("VV", "VH"))
    water = (co < -16) & (cross < -22)
    built = co > -2
    forest = ~water & ~built & (cross > -15)
    bare = ~water & ~built & ~forest & (cross < -22)
    return {
        "water": water,
        "buildings": built,
        "forest": forest,
        "bare ground": bare,
        "crops and grass": ~(water | built | forest | bare),
    }

"""Spectral indices of a sample, by the names and formulas of Awesome Spectral Indices (`spyndex`).

All are ratios of differences, so reflectance and digital numbers without an offset give the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, Sample

__all__ = ["DIFFERENCES", "ROLES", "indices", "roles"]

# What a band is, in the letters of spyndex -> the names that loaders give it, best first.
ROLES: Mapping[str, tuple[str, ...]] = {
    "B": ("B", "B02"),
    "G": ("G", "B03"),
    "R": ("R", "B04"),
    "N": ("NIR", "B08", "B8A"),
    "S1": ("SWIR1", "B11"),
    "S2": ("SWIR2", "B12"),
}
# (a - b) / (a + b)
DIFFERENCES: Mapping[str, tuple[str, str]] = {
    "ndvi": ("N", "R"),
    "ndwi": ("G", "N"),
    "mndwi": ("G", "S1"),
    "nbr": ("N", "S2"),
    "ndbi": ("S1", "N"),
}


def roles(sample: Sample) -> dict[str, F32]:
    """The bands whose part in indices is known, by spyndex' letter: (H, W) float32 each, in the sample's units."""
    found = {}
    for role, names in ROLES.items():
        name = next((each for each in names if each in sample.bands), None)
        if name is not None:
            found[role] = np.asarray(sample.content[..., sample.bands.index(name)], dtype=np.float32)
    return found


def indices(sample: Sample) -> dict[str, F32]:
    """Every index whose bands the sample has: (H, W) float32 in -1..1, NaN where both bands are 0 or below."""
    bands = {role: np.maximum(values, 0) for role, values in roles(sample).items()}
    return {name: _difference(bands[a], bands[b]) for name, (a, b) in DIFFERENCES.items() if {a, b} <= set(bands)}


def _difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> F32:
    total = a + b
    safe = np.where(total > 0, total, 1)
    return np.where(total > 0, (a - b) / safe, np.nan).astype(np.float32)

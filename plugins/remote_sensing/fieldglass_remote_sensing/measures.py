"""What the pixels of a tile tell: the share that is valid, the share under clouds, mean spectral indices.

The indices are normalised differences in spyndex's notation: ndvi (N-R)/(N+R), ndwi (G-N)/(G+N), nbr (N-S2)/(N+S2),
ndbi (S1-N)/(S1+N). A column is the mean over the valid pixels that no cloud covers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass_remote_sensing.sensors import role_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLOUDS", "INDICES", "indices", "masked_classes"]

INDICES: Mapping[str, tuple[str, str]] = {
    "ndvi": ("N", "R"), "ndwi": ("G", "N"), "nbr": ("N", "S2"), "ndbi": ("S1", "N"),
}  # fmt: skip
CLOUDS = (8, 9, 10)  # of the Sentinel-2 scene classification: medium and high probability, cirrus
_UNUSABLE = (0, 1, 3, *CLOUDS)  # also no data, saturated, cloud shadow


def indices(values: NDArray[Any], bands: tuple[str, ...], valid: NDArray[np.bool_], sensor: str) -> dict[str, float]:
    """Name -> mean over `valid`, of every index that the bands allow."""
    roles = role_bands(sensor)
    found = {}
    for name, pair in INDICES.items():
        wanted = [roles[role] for role in pair]
        if not (set(wanted) <= set(bands) and valid.any()):
            continue
        high, low = (values[..., bands.index(band)][valid].astype(np.float64) for band in wanted)
        total = high + low
        some = total > 0
        if some.any():
            found[name] = float(((high - low)[some] / total[some]).mean())
    return found


def masked_classes(classes: NDArray[Any]) -> NDArray[np.bool_]:
    """(h, w) scene classification -> True where a pixel shows the ground."""
    return ~np.isin(classes, _UNUSABLE)

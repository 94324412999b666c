"""What the pixels of a tile tell: the share that is valid, the share under clouds, mean spectral indices.

The indices are those of `indices`: ndvi, ndwi, mndwi, nbr, ndbi. A column is the mean over the valid pixels that no
cloud covers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass_remote_sensing.indices import DIFFERENCES, ROLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLOUDS", "mean_indices", "shows_ground"]

CLOUDS = (8, 9, 10)  # of the Sentinel-2 scene classification: medium and high probability, cirrus
_UNUSABLE = (0, 1, 3, *CLOUDS)  # also no data, saturated, cloud shadow


def mean_indices(values: NDArray[Any], bands: tuple[str, ...], valid: NDArray[np.bool_]) -> dict[str, float]:
    """Name -> mean over `valid`, of every index of `indices.DIFFERENCES` that the bands allow."""
    roles = {role: next((bands.index(each) for each in names if each in bands), None) for role, names in ROLES.items()}
    found = {}
    for name, pair in DIFFERENCES.items():
        high, low = (roles[role] for role in pair)
        if high is None or low is None or not valid.any():
            continue
        one, other = (np.maximum(values[..., place][valid].astype(np.float32), 0) for place in (high, low))
        total = one + other
        some = total > 0
        if some.any():
            found[name] = float(((one - other)[some] / total[some]).mean())
    return found


def shows_ground(classes: NDArray[Any]) -> NDArray[np.bool_]:
    """(h, w) scene classification -> True where a pixel shows the ground."""
    return ~np.isin(classes, _UNUSABLE)

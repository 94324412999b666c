"""Places as encoders of places are given them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fieldglass.types import F64

__all__ = ["on_globe"]


def on_globe(places: ArrayLike) -> F64:
    """Latitudes and longitudes in degrees -> (n, 2) float64. UsageError where one is not on the globe.

    Longitudes up to one and a half turns are taken, as they come from 0..360.
    """
    found = np.asarray(places, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(found).all() or (np.abs(found[:, 0]) > 90).any() or (np.abs(found[:, 1]) > 540).any():
        raise UsageError("A place is (latitude, longitude) in degrees: -90..90, -180..180.")
    return found

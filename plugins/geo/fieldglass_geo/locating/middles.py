"""The middle of every item of a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError
from fieldglass.spatial.globe import wrap

if TYPE_CHECKING:
    from fieldglass.types import F64, GalleryView

__all__ = ["middles"]

_COLUMNS = ["west", "south", "east", "north", "lat", "lon"]


def middles(gallery: GalleryView) -> tuple[F64, F64]:
    """Latitude and longitude (size,) float64 in degrees: of the middle of each footprint's bounds, else of the point.

    NaN where an item has no place. FilterError where none has.
    """
    west, south, east, north, lat, lon = gallery.numbers(_COLUMNS).T
    with np.errstate(invalid="ignore"):
        across = np.where(east < west, east + 360, east)
        footprint = (south <= north) & (np.abs(south) <= 90) & (np.abs(north) <= 90) & (across - west <= 360)
        lat, lon = np.where(footprint, (south + north) / 2, lat), np.where(footprint, (west + across) / 2, lon)
        good = (np.abs(lat) <= 90) & (np.abs(lon) <= 540)
    if not good.any():
        raise FilterError(
            "No item of this collection has a place.",
            hint="Places are the columns lat and lon; photos get theirs from EXIF by `fieldglass refresh`.",
        )
    return np.where(good, lat, np.nan), np.where(good, wrap(lon), np.nan)

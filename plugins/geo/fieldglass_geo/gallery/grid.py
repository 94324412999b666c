"""A grid over an area whose points are as far apart on the ground as one says, wherever on the globe it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.spatial.globe import EARTH_KM
from fieldglass.spatial.shapes import load_shapely
from fieldglass_geo.gallery.points import Points

if TYPE_CHECKING:
    from fieldglass.spatial import Area

__all__ = ["MOST", "grid"]

MOST = 5_000_000  # points: with 512 float32 each 10 GB
_BLOCK = 1_000_000  # points asked at a time


def grid(area: Area, spacing_km: float) -> Points:
    """The points of the area on circles of latitude `spacing_km` apart, and as far apart along each.

    Along a circle the spacing is the nearest that divides it evenly, so that the grid has no seam and that
    grids of neighbouring areas fit together. UsageError where none or more than `MOST` lie in the area.
    """
    shapely = load_shapely()
    west, south, east, north = (float(each) for each in shapely.bounds(area.geometry))
    step = np.degrees(spacing_km / EARTH_KM)
    rows = np.arange(np.ceil((south + 90) / step), np.floor((north + 90) / step) + 1)
    latitudes = np.clip(rows * step - 90, -90, 90)
    around = np.maximum(1, np.rint(360 * np.cos(np.radians(latitudes)) / step))
    first = np.ceil((west + 180) / 360 * around - 1e-9)
    last = np.minimum(np.floor((east + 180) / 360 * around + 1e-9), around - 1)
    many = np.maximum(last - first + 1, 0).astype(np.int64)
    if many.sum() > 20 * MOST:
        raise UsageError(_too_many(area, spacing_km, f"some {many.sum():,}"), hint="Say a larger --spacing.")
    found_lat, found_lon, count = [], [], 0
    start = 0
    while start < len(many):
        stop = max(start + 1, int(np.searchsorted(np.cumsum(many[start:]), _BLOCK, side="right")) + start)
        row = np.repeat(np.arange(start, stop), many[start:stop])
        at = np.arange(len(row)) - np.repeat(np.cumsum(many[start:stop]) - many[start:stop], many[start:stop])
        lat, lon = latitudes[row], (first[row] + at) * 360 / around[row] - 180
        inside = np.asarray(shapely.intersects_xy(area.geometry, lon, lat))
        found_lat.append(lat[inside])
        found_lon.append(lon[inside])
        count += int(np.count_nonzero(inside))
        if count > MOST:
            raise UsageError(_too_many(area, spacing_km, f"more than {MOST:,}"), hint="Say a larger --spacing.")
        start = stop
    if not count:
        raise UsageError(f"No point of a grid of {spacing_km:g} km lies {area}.", hint="Say a smaller --spacing.")
    lat, lon = np.concatenate(found_lat), np.concatenate(found_lon)
    return Points(lat, lon, np.ones(count, dtype=np.int64), ({},) * count)


def _too_many(area: Area, spacing_km: float, count: str) -> str:
    return f"A grid of {spacing_km:g} km {area} has {count} points; a gallery takes {MOST:,}."

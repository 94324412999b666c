"""Where pixels lie: from the grid of a scene to WGS84 longitude and latitude, as columns and as WKT.

A footprint follows the four edges of a window, with points between the corners until the straight lines between
them are less than half a pixel off. One that crosses the 180th meridian is split there into a MULTIPOLYGON, and its
`east` is below its `west`; one that holds a pole reaches to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Place", "crs_name", "metres_per_unit", "ring_columns"]

_MOST = 64  # points on an edge
_FAR = 180.0

Edge = tuple[float, float, float, float]  # row0, col0, row1, col1


class Place:
    """The place of a scene: pixel (row, column) -> WGS84 degrees.

    :param crs: WKT or "EPSG:n".
    :param to_crs: (columns, rows) float64 -> (x, y) in that CRS; pixel corners are whole numbers.
    """

    def __init__(self, crs: str, to_crs: Callable[[NDArray[Any], NDArray[Any]], tuple[Any, Any]]) -> None:
        self.crs = crs
        self._to_crs = to_crs
        self._transform = _to_wgs84(crs)

    @classmethod
    def affine(cls, crs: str, transform: Any) -> Place:
        """With an affine geotransform."""

        def to_crs(columns: NDArray[Any], rows: NDArray[Any]) -> tuple[Any, Any]:
            x = transform.a * columns + transform.b * rows + transform.c
            return x, transform.d * columns + transform.e * rows + transform.f

        return cls(crs, to_crs)

    def degrees(self, columns: NDArray[Any], rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude; NaN or infinity where there is none."""
        x, y = self._to_crs(np.asarray(columns, dtype=np.float64), np.asarray(rows, dtype=np.float64))
        lon, lat = self._transform(x, y)
        return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)

    def columns_of(self, windows: Iterable[Edge]) -> Iterator[dict[str, Any]]:
        """`lat`, `lon`, `west`, `south`, `east`, `north` and `footprint` of each window; {} where there is no place."""
        many = list(windows)
        if not many:
            return
        points = self._points(many[len(many) // 2])
        rows, columns = (np.stack(each) for each in zip(*(_outline(edge, points) for edge in many), strict=True))
        lons, lats = self.degrees(columns, rows)
        middles = np.array([((row0 + row1) / 2, (col0 + col1) / 2) for row0, col0, row1, col1 in many])
        lon, lat = self.degrees(middles[:, 1], middles[:, 0])
        for each in range(len(many)):
            yield ring_columns(lons[each], lats[each], float(lon[each]), float(lat[each]))

    def _points(self, edge: Edge) -> int:
        """How many points an edge of such a window needs."""
        points = 1
        while points < _MOST:
            fine_rows, fine_columns = _outline(edge, 2 * points)
            lon, lat = self.degrees(fine_columns, fine_rows)
            if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
                return _MOST
            lon = np.unwrap(lon, period=360)
            between = (lon[0:-2:2] + lon[2::2]) / 2 - lon[1::2], (lat[0:-2:2] + lat[2::2]) / 2 - lat[1::2]
            scale = math.cos(math.radians(min(89.9, float(np.abs(lat).max()))))
            off = float(np.hypot(between[0] * scale, between[1]).max())
            if off < self._pixel(edge) / 4:
                return points
            points *= 2
        return _MOST

    def _pixel(self, edge: Edge) -> float:
        """The smaller side of a pixel in the middle, in degrees of latitude."""
        row, column = (edge[0] + edge[2]) / 2, (edge[1] + edge[3]) / 2
        lon, lat = self.degrees(np.array([column, column + 1, column]), np.array([row, row, row + 1]))
        scale = math.cos(math.radians(min(89.9, abs(float(lat[0])))))
        return max(1e-9, float(min(np.hypot((lon[1:] - lon[0]) * scale, lat[1:] - lat[0]))))


def ring_columns(lons: NDArray[np.float64], lats: NDArray[np.float64], lon: float, lat: float) -> dict[str, Any]:
    """The columns of a closed ring (first point twice) in degrees, and of its middle."""
    if not (np.isfinite(lons).all() and np.isfinite(lats).all() and np.abs(lats).max() <= 90):
        return {}
    if not (math.isfinite(lon) and abs(lat) <= 90):
        return {}
    lon = (lon + 180) % 360 - 180 if not -180 <= lon <= 180 else lon
    found: dict[str, Any] = {"lat": round(lat, 8), "lon": round(lon, 8)}
    round_trip = np.unwrap(lons, period=360)
    if abs(round_trip[-1] - round_trip[0]) > _FAR:
        return found | _polar(round_trip, lats)
    west, east, south, north = round_trip.min(), round_trip.max(), lats.min(), lats.max()
    if west >= -180 and east <= 180:
        shape = f"POLYGON ({_ring(round_trip, lats)})"
    else:
        shape = _split(round_trip, lats)
        west, east = _wrapped(west), _wrapped(east)
    return found | _box(west, south, east, north) | {"footprint": shape}


def _box(west: float, south: float, east: float, north: float) -> dict[str, float]:
    sides = {"west": west, "south": south, "east": east, "north": north}
    return {name: round(float(value), 8) for name, value in sides.items()}


def _wrapped(lon: float) -> float:
    return (lon + 180) % 360 - 180


def _split(lons: NDArray[np.float64], lats: NDArray[np.float64]) -> str:
    """A ring that leaves -180..180, cut at the 180th meridian."""
    from shapely import MultiPolygon, Polygon, box
    from shapely.affinity import translate

    whole = Polygon(np.column_stack([lons, lats]))
    if not whole.is_valid:
        whole = whole.buffer(0)
    parts: list[Any] = []
    for turn in (-360, 0, 360):
        part = whole.intersection(box(-180 + turn, -90, 180 + turn, 90))
        parts += [
            translate(each, xoff=-turn)
            for each in getattr(part, "geoms", [part])
            if each.geom_type == "Polygon" and each.area > 0
        ]
    return str((parts[0] if len(parts) == 1 else MultiPolygon(parts)).wkt)


def _polar(lons: NDArray[np.float64], lats: NDArray[np.float64]) -> dict[str, Any]:
    """A ring around a pole: everything between it and the pole."""
    pole = 90.0 if lats.mean() > 0 else -90.0
    turned = (lons[:-1] + 180) % 360 - 180
    order = np.argsort(turned)
    along, across = turned[order], lats[:-1][order]
    edge = np.interp(180.0, [along[-1], along[0] + 360], [across[-1], across[0]])
    along = np.concatenate([[-180.0], along, [180.0, 180.0, -180.0, -180.0]])
    across = np.concatenate([[edge], across, [edge, pole, pole, edge]])
    south, north = (float(lats.min()), 90.0) if pole > 0 else (-90.0, float(lats.max()))
    return _box(-180.0, south, 180.0, north) | {"footprint": f"POLYGON ({_ring(along, across)})"}


def _ring(lons: NDArray[np.float64], lats: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{lon:.8f} {lat:.8f}" for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True)) + ")"


def _outline(edge: Edge, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns of a closed ring around a window, `points` steps on each edge."""
    row0, col0, row1, col1 = edge
    step = np.arange(points) / points
    rows = [row0 + 0 * step, row0 + (row1 - row0) * step, row1 + 0 * step, row1 - (row1 - row0) * step, [row0]]
    cols = [col0 + (col1 - col0) * step, col1 + 0 * step, col1 - (col1 - col0) * step, col0 + 0 * step, [col0]]
    return np.concatenate(rows), np.concatenate(cols)


@lru_cache(maxsize=256)
def _to_wgs84(crs: str) -> Callable[[Any, Any], tuple[Any, Any]]:
    """x, y -> longitude, latitude. Points that have no place come out infinite; ValueError for no known CRS."""
    from pyproj import CRS, Transformer
    from pyproj.exceptions import ProjError

    try:
        known = CRS.from_user_input(crs)
        change = Transformer.from_crs(known, "EPSG:4326", always_xy=True)
    except ProjError as error:
        raise ValueError(f"the CRS has no way to longitude and latitude ({error})"[:200]) from error
    found: Callable[[Any, Any], tuple[Any, Any]] = change.transform
    return found


@lru_cache(maxsize=256)
def crs_name(crs: str) -> str | None:
    """Authority and code of a CRS, "EPSG:32633"; None where it has none."""
    from pyproj import CRS
    from pyproj.exceptions import ProjError

    try:
        found = CRS.from_user_input(crs).to_authority()
    except ProjError:
        return None
    return ":".join(found) if found else None


@lru_cache(maxsize=256)
def metres_per_unit(crs: str) -> float | None:
    """Metres in a unit of a projected CRS; 0.0 for degrees; None where it is neither."""
    from pyproj import CRS
    from pyproj.exceptions import ProjError

    try:
        known = CRS.from_user_input(crs)
    except ProjError:
        return None
    if known.is_geographic:
        return 0.0
    if not known.is_projected:
        return None
    return float(known.axis_info[0].unit_conversion_factor)

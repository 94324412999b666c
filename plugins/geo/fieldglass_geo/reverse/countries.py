"""The countries of the world as polygons: which one a point lies in, and the area of one."""

from __future__ import annotations

import difflib
import lzma
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.spatial import Area
from fieldglass.spatial.shapes import load_shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, I64

__all__ = ["Countries", "countries", "country_area", "country_code"]

_STEP = 1e-4
_COAST = 0.02  # degrees, about 2 km: piers and beaches beside the coarse outline are still the country's
_PIECE = 32  # points of one piece of an outline


@dataclass(frozen=True)
class Countries:
    """ISO 3166 codes and English names, ordered by code, and polygons with the number of their country."""

    codes: NDArray[np.str_]
    names: NDArray[np.str_]
    polygons: NDArray[np.object_]
    country_of: NDArray[np.int16]
    _lock: Lock
    _tree: Any
    _coast: Any
    _coast_of: NDArray[np.int16]

    def of(self, lat: F64, lon: F64) -> I64:
        """(n,) the number of the country at each point, -1 at sea; degrees, longitudes within +-180."""
        shapely = load_shapely()
        found = np.full(len(lat), -1, dtype=np.int64)
        with self._lock:  # a polygon prepares itself at its first question
            for x in (lon, np.where(np.abs(lon) == 180, -lon, lon)):  # both sides of the antimeridian
                open_ = np.flatnonzero(found < 0)
                if x is not lon:
                    open_ = open_[np.abs(lon[open_]) == 180]
                if not len(open_):
                    continue
                point, polygon = self._tree.query(shapely.points(x[open_], lat[open_]))
                order = np.argsort(polygon, kind="stable")
                point, polygon = open_[point[order]], polygon[order]
                bounds = np.flatnonzero(np.diff(polygon)) + 1
                for some in np.split(np.arange(len(polygon)), bounds) if len(polygon) else ():
                    shape, at = int(polygon[some[0]]), point[some]
                    shapely.prepare(self.polygons[shape])
                    inside = at[shapely.intersects_xy(self.polygons[shape], x[at], lat[at])]
                    found[inside] = self.country_of[shape]
            sea = np.flatnonzero(found < 0)
            if len(sea):
                points = shapely.points(lon[sea], lat[sea])
                at, piece = self._coast.query_nearest(points, max_distance=_COAST, all_matches=False)
                found[sea[at]] = self._coast_of[piece]
        return found


@cache
def countries() -> Countries:
    """The countries that this package carries; read once."""
    shapely = load_shapely()
    packed = (files("fieldglass_geo.reverse") / "countries.npz.xz").read_bytes()
    with np.load(BytesIO(lzma.decompress(packed)), allow_pickle=False) as arrays:
        content = {name: arrays[name] for name in arrays.files}
    folded = np.ascontiguousarray(content["planes"].transpose(0, 2, 1)).view("<u4")[..., 0]
    steps = (folded >> 1).astype(np.int32) ^ -(folded & 1).astype(np.int32)
    points = np.cumsum(steps, axis=1, dtype=np.int64).T * _STEP
    ring = np.repeat(np.arange(len(content["ring_points"])), content["ring_points"])
    rings = shapely.linearrings(points, indices=ring)
    polygon = np.repeat(np.arange(len(content["polygon_rings"])), content["polygon_rings"])
    polygons = np.asarray(shapely.polygons(rings, indices=polygon), dtype=object)
    country_of = content["polygon_country"]
    coast, coast_of = _pieces(points, ring, country_of[polygon])
    return Countries(
        content["codes"], content["names"], polygons, country_of,
        Lock(), shapely.STRtree(polygons), shapely.STRtree(coast), coast_of,
    )  # fmt: skip


def country_code(name: str) -> str:
    """The ISO 3166 code of a code or an English name in any case. UsageError with the near ones where there is none."""
    known = countries()
    wanted = name.strip()
    if wanted.upper() in known.codes:
        return wanted.upper()
    names = {str(each).casefold(): str(code) for each, code in zip(known.names, known.codes, strict=True)}
    if wanted.casefold() in names:
        return names[wanted.casefold()]
    near = difflib.get_close_matches(wanted.casefold(), names, n=3)
    hint = f"Did you mean {' or '.join(f'{names[each]} ({each})' for each in near)}?" if near else ""
    raise UsageError(f"There is no country {name!r}.", hint=hint or "Give an ISO 3166 code, such as IS, or its name.")


def country_area(name: str) -> Area:
    """The land of a country, by code or English name, as a filter. UsageError where there is none."""
    shapely = load_shapely()
    known, code = countries(), country_code(name)
    number = int(np.searchsorted(known.codes, code))
    return Area(shapely.multipolygons(known.polygons[known.country_of == number]), code)


def _pieces(points: F64, ring: I64, country: NDArray[np.int16]) -> tuple[Any, NDArray[np.int16]]:
    """The outlines cut into lines of some points each, so that few are asked for their distance."""
    shapely = load_shapely()
    start = np.flatnonzero(np.concatenate([[True], np.diff(ring) > 0]))
    within = np.arange(len(points)) - start[ring]
    last = np.concatenate([np.diff(ring) > 0, [True]])
    # the point where one piece ends is the first of the next, so it is there twice
    ends = (within > 0) & (within % (_PIECE - 1) == 0) & ~last
    at = np.repeat(np.arange(len(points)), 1 + ends)
    new = np.concatenate([[True], (np.diff(ring[at]) > 0) | (np.diff(at) == 0)])
    piece = np.cumsum(new) - 1
    lines = shapely.linestrings(points[at], indices=piece)
    return lines, country[ring[at[np.flatnonzero(new)]]]

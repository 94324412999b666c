"""Hits as features: a geometry, and properties that any tool can read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fieldglass.spatial.globe import split
from fieldglass.spatial.shapes import Geometry, load_shapely

if TYPE_CHECKING:
    from fieldglass.result import Hit

__all__ = ["Feature", "features_of", "geometry_of"]

_PLACE = ("footprint", "west", "south", "east", "north")  # said by the geometry


@dataclass(frozen=True)
class Feature:
    """A hit and its geometry in WGS84, split at the antimeridian; None where it has no place."""

    hit: Hit
    geometry: Geometry | None
    properties: Mapping[str, Any]


def features_of(hits: Sequence[Hit]) -> list[Feature]:
    """One per hit, in order: `rank`, `score`, `id`, `source`, then its columns (`_` before a name that is taken)."""
    return [Feature(hit, geometry_of(hit.metadata), _properties(hit)) for hit in hits]


def _properties(hit: Hit) -> dict[str, Any]:
    fixed = {"rank": hit.rank, "score": hit.score, "id": hit.id, "source": hit.source}
    others = {
        f"_{name}" if name in (*fixed, "geometry", "fid") else name: value
        for name, value in hit.metadata.items()
        if name not in _PLACE
    }
    return {**fixed, **others}


def geometry_of(cells: Mapping[str, Any]) -> Geometry | None:
    """The footprint, the bounds or the point that the columns of an item say, in WGS84; None where they say none."""
    shapely = load_shapely()
    if isinstance(cells.get("footprint"), str):
        shape = shapely.from_wkt(cells["footprint"], on_invalid="ignore")
        if shape is not None and not shape.is_empty and _on_globe(shapely.get_coordinates(shape)):
            return split(shape)
    bounds = [_number(cells.get(name)) for name in ("west", "south", "east", "north")]
    if not any(map(math.isnan, bounds)):
        west, south, east, north = bounds
        if abs(west) <= 180 and abs(east) <= 180 and -90 <= south < north <= 90 and west != east:
            return split(shapely.box(west, south, east if west < east else east + 360, north))
    lat, lon = _number(cells.get("lat")), _number(cells.get("lon"))
    if abs(lat) <= 90 and abs(lon) <= 360:
        return shapely.Point(lon if abs(lon) <= 180 else (lon + 180) % 360 - 180, lat)
    return None


def _on_globe(points: Any) -> bool:
    return bool((abs(points[:, 0]) <= 360).all() and (abs(points[:, 1]) <= 90).all())


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan

"""Hits as GeoJSON, RFC 7946."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fieldglass.spatial.features import Feature
from fieldglass.spatial.shapes import Geometry, load_shapely

if TYPE_CHECKING:
    from fieldglass.result import SearchResult

__all__ = ["geojson", "geojson_features", "mapping"]

_DIGITS = 9  # decimals of a degree: 0.1 mm, so that no pixel of any sensor moves


def geojson(result: SearchResult) -> str:
    """A FeatureCollection: WGS84, longitude first, rings by the right-hand rule, split at the antimeridian.

    A hit without a place has the geometry null. `query` and `notes` are foreign members.
    """
    document = {
        "type": "FeatureCollection",
        "features": geojson_features(result.features()),
        "query": str(result.asked),
        "notes": list(result.notes),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def geojson_features(features: Iterable[Feature]) -> list[dict[str, Any]]:
    """The features as JSON-able objects, with `bbox` (west > east across the antimeridian)."""
    return [_feature(each) for each in features]


def _feature(feature: Feature) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "Feature", "id": feature.hit.id}
    if feature.geometry is not None:
        found["bbox"] = _bbox(feature.geometry)
    found["geometry"] = None if feature.geometry is None else mapping(feature.geometry)
    found["properties"] = {name: _plain(value) for name, value in feature.properties.items()}
    return found


def mapping(geometry: Geometry) -> dict[str, Any]:
    """A shapely geometry as a GeoJSON geometry, outer rings counter-clockwise."""
    shapely = load_shapely()
    found: dict[str, Any] = shapely.geometry.mapping(shapely.orient_polygons(geometry))
    return _rounded(found)


def _rounded(found: dict[str, Any]) -> dict[str, Any]:
    if found["type"] == "GeometryCollection":
        return {"type": "GeometryCollection", "geometries": [_rounded(each) for each in found["geometries"]]}
    return {"type": found["type"], "coordinates": _digits(found["coordinates"])}


def _digits(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else [_digits(each) for each in value]


def _bbox(geometry: Geometry) -> list[float]:
    """West, south, east, north; where the parts touch both sides of the antimeridian, west > east (RFC 7946 5.2)."""
    shapely = load_shapely()
    bounds = shapely.bounds(shapely.get_parts(geometry))
    west, south, east, north = shapely.bounds(geometry).tolist()
    if west == -180 and east == 180 and len(bounds) > 1:
        right, left = bounds[bounds[:, 2] == 180, 0], bounds[bounds[:, 0] == -180, 2]
        if right.min() > left.max():
            west, east = float(right.min()), float(left.max())
    return [round(each, _DIGITS) for each in (west, south, east, north)]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""The sphere: wrapped longitudes, polygons split at the antimeridian and closed over a pole, great circles.

Degrees, WGS84, longitude first in geometries (RFC 7946), latitude first in arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.spatial.shapes import Geometry, load_shapely

if TYPE_CHECKING:
    from fieldglass.types import F64

__all__ = ["EARTH_KM", "azimuthal", "distance_km", "split", "wrap"]

EARTH_KM = 6371.0088  # mean radius of the WGS84 ellipsoid, IUGG


def wrap(longitude: F64) -> F64:
    """Into [-180, 180]; 180 stays 180."""
    inside = (longitude >= -180) & (longitude <= 180)
    return np.asarray(np.where(inside, longitude, (longitude + 180) % 360 - 180))


def distance_km(latitude: float, longitude: float, latitudes: F64, longitudes: F64) -> F64:
    """Great-circle distance from one point to others, by the haversine formula."""
    phi, phis = np.radians(latitude), np.radians(latitudes)
    half = np.sin((phis - phi) / 2) ** 2
    half += np.cos(phi) * np.cos(phis) * np.sin(np.radians(longitudes - longitude) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def azimuthal(latitude: float, longitude: float, points: F64) -> F64:
    """(n, 2) longitude, latitude -> (n, 2) km east and north; distances from the centre are true.

    Azimuthal equidistant projection of the sphere (Snyder 1987, p. 195).
    """
    away = np.radians(points[:, 0] - longitude)
    phi, phis = np.radians(latitude), np.radians(points[:, 1])
    distance = distance_km(latitude, longitude, points[:, 1], points[:, 0])
    bearing = np.arctan2(
        np.sin(away) * np.cos(phis), np.cos(phi) * np.sin(phis) - np.sin(phi) * np.cos(phis) * np.cos(away)
    )
    return np.stack([distance * np.sin(bearing), distance * np.cos(bearing)], axis=1)


def split(geometry: Geometry) -> Geometry:
    """A geometry whose parts lie within +-180 degrees, made valid.

    Consecutive vertices more than 180 degrees apart (but not a whole turn) cross the antimeridian, RFC 7946
    3.1.9. A ring that goes once round the globe takes in the nearer pole. Longitudes up to 360 are wrapped.
    """
    shapely = load_shapely()
    geometry = shapely.force_2d(geometry)
    every = shapely.get_parts(geometry)
    if (
        geometry.geom_type in ("Polygon", "MultiPolygon")
        and all(_is_plain(shapely.get_coordinates(part)) for part in every)
        and shapely.is_valid(geometry)
        and not shapely.is_empty(geometry)
    ):
        return every[0] if len(every) == 1 else geometry
    parts = []
    for part in every:
        coordinates = shapely.get_coordinates(part)
        if len(coordinates) and _is_plain(coordinates):
            parts.append(shapely.make_valid(part))
        elif part.geom_type == "Polygon":
            parts.append(_wrapped(_unrolled_polygon(part)))
        elif part.geom_type in ("LineString", "LinearRing"):
            parts.append(_wrapped(shapely.linestrings(_unrolled(coordinates)[0])))
        elif len(coordinates):
            parts.append(shapely.points(wrap(coordinates[:, 0]), coordinates[:, 1])[0])
    if len(parts) == 1:
        return parts[0]
    return shapely.union_all(parts)


def _is_plain(coordinates: F64) -> bool:
    jumps = np.abs(np.diff(coordinates[:, 0]))
    return bool((np.abs(coordinates[:, 0]) <= 180).all() and not _crossings(jumps).any())


def _crossings(jumps: F64) -> np.ndarray:
    return (np.abs(jumps) > 180) & (np.abs(jumps) < 360)


def _unrolled(ring: F64) -> tuple[F64, float]:
    """The ring with longitudes that do not jump, and how far its end is from its start: 0 or +-360."""
    jumps = np.diff(ring[:, 0])
    turns = np.where(_crossings(jumps), -np.sign(jumps) * 360, 0.0)
    longitudes = ring[:, 0] + np.concatenate([[0.0], np.cumsum(turns)])
    return np.stack([longitudes, ring[:, 1]], axis=1), float(longitudes[-1] - longitudes[0])


def _unrolled_polygon(polygon: Geometry) -> Geometry:
    shapely = load_shapely()
    outer, turn = _unrolled(shapely.get_coordinates(polygon.exterior))
    if abs(turn) > 180:  # once round the globe
        pole = 90.0 if outer[:, 1].mean() >= 0 else -90.0
        outer = np.vstack([outer, [outer[-1, 0], pole], [outer[0, 0], pole], outer[0]])
    centre = outer[:, 0].mean()
    holes = []
    for ring in polygon.interiors:
        hole, _ = _unrolled(shapely.get_coordinates(ring))
        hole[:, 0] += 360 * np.round((centre - hole[:, 0].mean()) / 360)
        holes.append(hole)
    return shapely.make_valid(shapely.Polygon(outer, holes))


def _wrapped(geometry: Geometry) -> Geometry:
    """What lies beyond +-180 degrees, cut off and moved back."""
    shapely = load_shapely()
    west, _, east, _ = shapely.bounds(geometry)
    pieces = []
    for turn in range(int(np.floor((west + 180) / 360)), int(np.floor((east + 180) / 360)) + 1):
        window = shapely.box(-180 + 360 * turn, -90, 180 + 360 * turn, 90)
        piece = shapely.intersection(geometry, window)
        piece = shapely.transform(piece, lambda points, by=360.0 * turn: points - np.array([by, 0.0]))
        pieces += [each for each in shapely.get_parts(piece) if _same_kind(each, geometry)]
    return shapely.make_valid(shapely.union_all(pieces))


def _same_kind(piece: Geometry, whole: Geometry) -> bool:
    """Whether it is no mere touch: the line where a polygon meets the next window."""
    shapely = load_shapely()
    return int(shapely.get_dimensions(piece)) == int(shapely.get_dimensions(whole))

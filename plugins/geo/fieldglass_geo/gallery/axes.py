"""Refuses columns that are in metres or swapped, with what to say instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import LoaderError

if TYPE_CHECKING:
    from fieldglass.types import F64, Bitmap

__all__ = ["check_axes", "in_degrees"]

_MANY = 0.25  # the share of rows beyond 90 degrees of latitude that makes one look at the other order
_MOST = 0.5  # the share of rows that must be wrong for the whole file to be


def check_axes(places: F64, name: str, lat: str, lon: str) -> Bitmap:
    """(n, 2) -> (n,) bool: rows that are no latitude and longitude. LoaderError where most are, with the cause."""
    wrong: Bitmap = ~_fit(places)
    share = float(wrong.mean()) if len(places) else 0.0
    if share <= _MANY:
        return wrong
    row = places[np.flatnonzero(wrong)[0]]
    if _fit(places[:, ::-1]).mean() > 1 - _MANY:
        raise LoaderError(
            f"{name!r} has its axes swapped: {row[0]:g}, {row[1]:g} is no latitude, longitude.",
            hint=f"Say --set lat={lon} --set lon={lat}.",
        )
    if share < _MOST:
        return wrong
    raise LoaderError(
        f"{name!r} is not in degrees: {lat} {row[0]:g}, {lon} {row[1]:g}.",
        hint="Coordinates in metres need their reference system: --set crs=EPSG:32633, for example.",
    )


def _fit(places: F64) -> Bitmap:
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(places[:, 0]) <= 90) & (np.abs(places[:, 1]) <= 360))


def in_degrees(places: F64, crs: str, name: str) -> F64:
    """(n, 2) northing, easting in a reference system -> latitude, longitude. LoaderError where it is not known."""
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    try:
        system = CRS.from_user_input(crs)
    except CRSError as error:
        raise LoaderError(
            f"{crs!r} is no reference system that is known.", hint="Say one: --set crs=EPSG:32633, for example."
        ) from error
    lon, lat = Transformer.from_crs(system, "OGC:CRS84", always_xy=True).transform(places[:, 1], places[:, 0])
    found = np.stack([lat, lon], axis=1)
    if len(found) and not np.isfinite(found).all(axis=1).any():
        raise LoaderError(
            f"{name!r} lies outside its reference system {system.name}.", hint="Say the right one: --set crs=EPSG:..."
        )
    return found

"""An area as a filter: a box, or any polygon on the globe."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError, UsageError
from fieldglass.spatial.globe import split
from fieldglass.spatial.places import Places, places_of
from fieldglass.spatial.raster import Raster
from fieldglass.spatial.shapes import Geometry, load_shapely

if TYPE_CHECKING:
    from fieldglass.types import I64, Bitmap, GalleryView

__all__ = ["Area", "box"]

_SWAPPED = 0.9  # the share of items that the area must hold with its axes swapped to be called swapped


class Area:
    """Keeps the items whose footprint or point meets a geometry.

    `geometry` is a shapely geometry in WGS84 degrees, longitude first; it is split at the antimeridian
    (see `fieldglass.spatial.globe.split`). `name` is how the filter is shown. UsageError where it is empty,
    not on the globe, or not a shape.
    """

    def __init__(self, geometry: Geometry, name: str = "") -> None:
        shapely = load_shapely()
        if shapely.is_missing(geometry) or not shapely.is_geometry(geometry) or shapely.is_empty(geometry):
            raise UsageError(f"The area {name or geometry!r} is empty.", hint="Give a polygon with at least 3 corners.")
        points = shapely.get_coordinates(geometry)
        if not np.isfinite(points).all() or (np.abs(points) > [360, 90]).any():
            raise UsageError(
                f"The area {name or 'given'} is not in degrees of longitude and latitude.",
                hint="`read_area(FILE, crs=...)` takes other reference systems.",
            )
        self.geometry = split(geometry)
        self.name = name

    def __str__(self) -> str:
        return f"in {self.name}" if self.name else "in an area"

    @property
    def outline(self) -> Geometry:
        """The geometry."""
        return self.geometry

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool: the items that meet the area. FilterError where no item has a place."""
        places = places_of(gallery)
        found = np.zeros(gallery.size, dtype=np.bool_)
        for raster in self._rasters:
            candidates = places.within(raster.west, raster.south, raster.east, raster.north)
            candidates = candidates[~found[candidates]]
            sure, open_ = _judged(raster, places, candidates)
            found[sure] = True
            found[open_[_meets(raster, places, open_)]] = True
        if not found.any():
            self._refuse_swapped(gallery, places)
        return found

    @cached_property
    def _rasters(self) -> tuple[Raster, ...]:
        """One for each part that has its own bounds: west and east of the antimeridian, or islands far apart."""
        shapely = load_shapely()
        parts = shapely.get_parts(self.geometry)
        middle = shapely.bounds(parts)[:, [0, 2]].mean(axis=1)
        wide = float(shapely.bounds(self.geometry)[2] - shapely.bounds(self.geometry)[0]) > 180
        if not wide:
            return (Raster(self.geometry),)
        groups = [group for group in (parts[middle < 0], parts[middle >= 0]) if len(group)]
        polygons = self.geometry.geom_type == "MultiPolygon"  # parts of a valid one need no union
        joined = shapely.multipolygons if polygons else shapely.union_all
        return tuple(Raster(group[0] if len(group) == 1 else joined(group)) for group in groups)

    def _refuse_swapped(self, gallery: GalleryView, places: Places) -> None:
        shapely = load_shapely()
        points = shapely.get_coordinates(self.geometry)
        if (np.abs(points[:, 0]) > 90).any():
            return
        swapped = shapely.transform(self.geometry, lambda each: each[:, ::-1])
        west, south, east, north = shapely.bounds(swapped)
        count = len(places.within(west, south, east, north))
        if count > _SWAPPED * np.count_nonzero(places.located):
            raise FilterError(
                f"No item lies {self}, but {count:,} would with its axes swapped.",
                hint="GeoJSON and WKT have longitude first; `--aoi-crs latlon` reads a file that has latitude first.",
            )


def box(west: float, south: float, east: float, north: float) -> Area:
    """A box in degrees; `west` > `east` goes across the antimeridian. UsageError where it is not on the globe."""
    name = f"{west:g},{south:g},{east:g},{north:g}"
    if not all(math.isfinite(each) for each in (west, south, east, north)):
        raise UsageError(f"The box {name} is not made of numbers.")
    if abs(west) > 360 or abs(east) > 360 or abs(south) > 90 or abs(north) > 90:
        raise UsageError(f"The box {name} is not on the globe.", hint="West, south, east, north, in degrees.")
    if south >= north or west == east:
        raise UsageError(f"The box {name} is empty.", hint="West, south, east, north: south is below north.")
    shapely = load_shapely()
    if west < east:
        return Area(
            shapely.box(*((-180, south, 180, north) if east - west >= 360 else (west, south, east, north))), name
        )
    west, east = (each if abs(each) <= 180 else (each + 180) % 360 - 180 for each in (west, east))
    return Area(shapely.box(west, south, east if west < east else east + 360, north), name)


def _judged(raster: Raster, places: Places, candidates: I64) -> tuple[I64, I64]:
    """Candidates that surely meet the area, and those that its exact shape must decide."""
    west, east = places.west[candidates], places.east[candidates]
    south, north = places.south[candidates], places.north[candidates]
    inside, outside = raster.judge(west, south, east, north)
    odd = (east >= 180) | (west == -180) | (np.abs(south) == 90) | (np.abs(north) == 90)  # the seam and the poles
    sure, never = inside & ~odd, outside & ~odd
    return candidates[sure], candidates[~(sure | never)]


def _meets(raster: Raster, places: Places, candidates: I64) -> Bitmap:
    shapely = load_shapely()
    found = np.zeros(len(candidates), dtype=np.bool_)
    point = places.point[candidates]
    west, south = places.west[candidates[point]], places.south[candidates[point]]
    met = shapely.intersects_xy(raster.geometry, west, south)
    if raster.west == -180 or raster.east == 180:
        seam = np.abs(west) == 180
        met[seam] |= shapely.intersects_xy(raster.geometry, -west[seam], south[seam])
    pole = np.abs(south) == 90
    if pole.any():
        met[pole] |= ((south == 90) & (raster.north == 90) | (south == -90) & (raster.south == -90))[pole]
    found[point] = met
    if not point.all():
        found[~point] = shapely.intersects(raster.geometry, places.footprints(candidates[~point]))
    return found

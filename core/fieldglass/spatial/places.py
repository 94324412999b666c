"""Where the items of a gallery lie: their bounds in arrays, their footprints when one is asked for."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError
from fieldglass.spatial.globe import wrap
from fieldglass.spatial.shapes import Geometry, load_shapely
from fieldglass.spatial.strips import Strips

if TYPE_CHECKING:
    from fieldglass.types import F64, I64, Bitmap, GalleryView

__all__ = ["Places", "places_of"]

_COLUMNS = ["west", "south", "east", "north", "lat", "lon"]
_KEPT = 200_000  # footprints that are kept parsed
_lock = threading.Lock()
_places: weakref.WeakKeyDictionary[GalleryView, Places] = weakref.WeakKeyDictionary()


def places_of(gallery: GalleryView) -> Places:
    """The places of a gallery, read once for as long as it lives."""
    with _lock:
        found = _places.get(gallery)
        if found is None:
            found = _places[gallery] = Places(gallery)
        return found


class Places:
    """Bounds (size,) float64 in degrees: `west`, `south`, `east`, `north`; NaN where an item has no place.

    `east` is above 180 where an item lies across the antimeridian; `west` is within +-180. Items without
    bounds are points at `lat`, `lon`. FilterError where no item has a place.
    """

    def __init__(self, gallery: GalleryView) -> None:
        self._gallery = weakref.ref(gallery)
        west, south, east, north, lat, lon = (np.ascontiguousarray(each) for each in gallery.numbers(_COLUMNS).T)
        bare = ~_sound(west, south, east, north)
        west, east = np.where(bare, lon, west), np.where(bare, lon, east)
        south, north = np.where(bare, lat, south), np.where(bare, lat, north)
        self.located: Bitmap = _sound(west, south, east, north)
        if not self.located.any():
            raise FilterError(
                "No item of this collection has a place.",
                hint="Places are the columns lat and lon, or west, south, east, north and footprint; "
                "`fieldglass annotate` adds them from a table.",
            )
        west, east = wrap(west), wrap(east)
        east = np.where(east < west, east + 360, east)
        self.west, self.south, self.east, self.north = (
            np.where(self.located, each, np.nan) for each in (west, south, east, north)
        )
        self.point: Bitmap = (self.west == self.east) & (self.south == self.north)
        self.crossing = bool((self.east > 180).any())
        self._poles = np.flatnonzero(self.point & (np.abs(self.south) == 90))
        self._strips = Strips(self.west, self.south, self.east, self.north)
        self._footprints: dict[int, Geometry] = {}

    def within(self, west: float, south: float, east: float, north: float) -> I64:
        """Positions of the items whose bounds meet these, sorted; `west` <= `east` <= 540."""
        around = east - west >= 360
        turns = [0.0] if around else [0.0, *([-360.0] if east >= 180 else [])]
        if not around and (self.crossing or west <= -180):
            turns.append(360.0)
        found = [self._strips.within(west + turn, south, east + turn, north, around=around) for turn in turns]
        if north == 90 or south == -90:  # a pole has every longitude
            found.append(self._poles[(self.south[self._poles] <= north) & (self.south[self._poles] >= south)])
        every = np.sort(np.concatenate(found))
        return every[np.diff(every, prepend=-1) > 0]

    def footprints(self, positions: I64) -> list[Geometry]:
        """The geometry of each: its footprint, else its bounds or its point, split at the antimeridian."""
        missing = [int(each) for each in positions if int(each) not in self._footprints]
        if missing:
            if len(self._footprints) + len(missing) > _KEPT:
                self._footprints = {}
                missing = [int(each) for each in positions]
            self._footprints.update(zip(missing, self._read(missing), strict=True))
        return [self._footprints[int(each)] for each in positions]

    def _read(self, positions: list[int]) -> list[Geometry]:
        shapely = load_shapely()
        gallery = self._gallery()
        if gallery is None:
            raise FilterError("The collection was closed while it was searched.")
        texts = [cells.get("footprint") for cells in gallery.metadata(np.array(positions, dtype=np.int64))]
        parsed = shapely.from_wkt([text if isinstance(text, str) else None for text in texts], on_invalid="ignore")
        broken = shapely.is_missing(parsed) | shapely.is_empty(parsed)
        parsed[~broken & ~shapely.is_valid(parsed)] = shapely.make_valid(parsed[~broken & ~shapely.is_valid(parsed)])
        return [self._bounds(at) if bad else shape for at, shape, bad in zip(positions, parsed, broken, strict=True)]

    def _bounds(self, at: int) -> Geometry:
        shapely = load_shapely()
        west, south, east, north = self.west[at], self.south[at], self.east[at], self.north[at]
        if self.point[at]:
            return shapely.Point(west, south)
        if east <= 180:
            return shapely.box(west, south, east, north)
        return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east - 360, north)])


def _sound(west: F64, south: F64, east: F64, north: F64) -> Bitmap:
    with np.errstate(invalid="ignore"):
        across = (np.abs(west) <= 360) & (np.abs(east) <= 360)
        return np.asarray(across & (south >= -90) & (north <= 90) & (south <= north))

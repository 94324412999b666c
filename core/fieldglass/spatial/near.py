"""What lies within some kilometres of a place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.spatial.globe import EARTH_KM, azimuthal, distance_km, split, wrap
from fieldglass.spatial.places import Places, places_of
from fieldglass.spatial.shapes import Geometry, load_shapely

if TYPE_CHECKING:
    from fieldglass.types import I64, Bitmap, GalleryView

__all__ = ["Near"]

_DEGREE_KM = 111.3  # no degree is longer
_SMALL = 10.0  # degrees: in wider boxes the middle says little


@dataclass(frozen=True)
class Near:
    """Keeps the items of which some part lies within `km` kilometres of a place, on the great circle.

    Latitude and longitude in degrees. UsageError where they are not on the globe.
    """

    latitude: float
    longitude: float
    km: float

    def __post_init__(self) -> None:
        if not (abs(self.latitude) <= 90 and abs(self.longitude) <= 360):
            raise UsageError(
                f"{self.latitude:g}, {self.longitude:g} is not on the globe.", hint="Latitude first, then longitude."
            )
        if not (math.isfinite(self.km) and self.km > 0):
            raise UsageError(f"A radius of {self.km:g} km is none.")

    def __str__(self) -> str:
        return f"within {self.km:g} km of {self.latitude:g}, {self.longitude:g}"

    @property
    def outline(self) -> Geometry:
        """The circle as a line; a point where it takes in half the globe or more."""
        shapely = load_shapely()
        phi, away = math.radians(self.latitude), self.km / EARTH_KM
        if away >= math.pi / 2:
            return shapely.Point(wrap(np.array([self.longitude]))[0], self.latitude)
        bearing = np.linspace(0, 2 * np.pi, 181)
        sine = math.sin(phi) * math.cos(away) + math.cos(phi) * math.sin(away) * np.cos(bearing)
        east = np.arctan2(np.sin(bearing) * math.sin(away) * math.cos(phi), math.cos(away) - math.sin(phi) * sine)
        longitudes = wrap(self.longitude + np.degrees(east))
        return split(shapely.linestrings(longitudes, np.degrees(np.arcsin(np.clip(sine, -1, 1)))))

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool: the items within the radius. FilterError where no item has a place."""
        places = places_of(gallery)
        found = np.zeros(gallery.size, dtype=np.bool_)
        candidates = self._candidates(places)
        point = places.point[candidates]
        alone = candidates[point]
        found[alone[self._distance(places.south[alone], places.west[alone]) <= self.km]] = True
        wide = candidates[~point]
        across, up = places.east[wide] - places.west[wide], places.north[wide] - places.south[wide]
        middle = self._distance(places.south[wide] + up / 2, places.west[wide] + across / 2)
        reach = np.hypot(across, up) / 2 * _DEGREE_KM  # no corner is farther from the middle
        small = across < _SMALL
        inside = small & (middle + reach <= self.km)
        outside = small & (middle - reach > self.km)
        found[wide[inside]] = True
        rest = wide[~(inside | outside)]
        found[rest[self._reached(places, rest)]] = True
        return found

    def _candidates(self, places: Places) -> I64:
        """Items whose bounds meet those of the circle."""
        reach = math.degrees(self.km / EARTH_KM) + 1e-9
        south, north = self.latitude - reach, self.latitude + reach
        if south <= -90 or north >= 90:
            return places.within(-180, max(south, -90), 180, min(north, 90))
        aside = math.degrees(math.asin(min(1.0, math.sin(math.radians(reach)) / math.cos(math.radians(self.latitude)))))
        west = (self.longitude - aside + 180) % 360 - 180
        return places.within(west, south, west + 2 * aside, north)

    def _distance(self, latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
        return distance_km(self.latitude, self.longitude, latitudes, longitudes)

    def _reached(self, places: Places, positions: I64) -> Bitmap:
        """By the footprints, projected around the place."""
        shapely = load_shapely()
        shapes = np.array(places.footprints(positions), dtype=object)
        dense = shapely.segmentize(shapes, 0.5)  # degrees: long edges bend in the projection
        flat = shapely.transform(dense, lambda each: azimuthal(self.latitude, self.longitude, each))
        near = shapely.dwithin(shapely.Point(0, 0), flat, self.km)
        return np.asarray(near | shapely.intersects_xy(shapes, self.longitude, self.latitude))

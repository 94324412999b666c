"""Where was this photo taken: Im2GPS3k, YFCC4k, YFCC26k and GWS15k against a gallery of places, or of other photos."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.benchmarks.loader import read as read_pictures
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.distances import add_within, geoscore
from fieldglass.models.cache import sha256_of
from fieldglass.models.carriers import locate
from fieldglass.spatial.globe import distance_km
from fieldglass.types import Item, Problem, Query, QueryImage, Ranking, Sample
from fieldglass_geo.benchmarks.positions import Table, read_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GWS15k", "Geolocation", "Im2GPS3k", "LargeYFCC", "SmallYFCC"]

KM = (1, 25, 200, 750, 2500)  # street, city, region, country, continent
_OFFICIAL = "geoclip/model/gps_gallery/coordinates_100K.csv"


class Geolocation(Reader):
    """The share of photos whose first place lies within 1, 25, 200, 750 and 2500 km of the true one (bounds included),
    the mean GeoScore, the median and mean distance in km.

    :param root: the CSV file (IMG_ID, LAT, LON; other usual names too) and the photos, in a folder or beside it.
    :param csv: the name of the file, where it is another.
    :param images: the folder of the photos, below the root.
    :param gallery: "100k", the places of MP-16 that the package `geoclip` carries and its paper searched, or a CSV file
        with latitude and longitude. It is part of the protocol; the result file holds its sha256.
    :param kind: "places" searches coordinates, with an encoder of places; "photos" the pictures of the gallery file
        (below the root), with any encoder: the place of the most similar photo.
    :param distance: on the "ellipsoid" WGS84, as the published code, or the "sphere".
    """

    folders = ("images", "img", "")
    tables: tuple[str, ...] = ()
    depth = 1

    def __init__(
        self,
        *,
        root: str,
        csv: str = "",
        images: str = "",
        gallery: str = "100k",
        kind: Literal["places", "photos"] = "places",
        distance: Literal["ellipsoid", "sphere"] = "ellipsoid",
    ) -> None:
        for what, value, choices in (
            ("kind", kind, ("places", "photos")),
            ("distance", distance, ("ellipsoid", "sphere")),
        ):
            if value not in choices:
                raise UsageError(f"{what} is {' or '.join(map(repr, choices))}, not {value!r}.")
        if kind == "photos" and gallery == "100k":
            raise UsageError(
                "kind=photos needs photos.", hint="Give --set gallery=FILE, a CSV file with IMG_ID, LAT, LON."
            )
        super().__init__(root, "", images)
        self.csv, self.given, self.kind, self.distance = csv, gallery, kind, distance

    def gallery(self) -> Iterator[Item]:
        """Distinct places by "latitude,longitude", or photos by name."""
        for id, (latitude, longitude) in self._places.items():
            where = {"lat": latitude, "lon": longitude}
            if self.kind == "photos":
                yield self.item(id, id, metadata=where)
            else:
                yield Item(id, locator=where, metadata=where)

    def queries(self) -> Iterator[Query]:
        """One photo each."""
        for id, _ in self._truth.items():
            yield Query(images=(QueryImage(item=self.item(f"query/{id}", id)),), id=id)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """Places as coordinates, photos decoded."""
        for item in items:
            if item.paths:
                yield from read_pictures([item], root)
            else:
                at = np.array([item.locator["lat"], item.locator["lon"]], dtype=np.float64)
                yield Sample("place", at, (), "degrees")

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The photo; of a place a map of the world, 64 x 128, with a dot."""
        if sample.kind != "place":
            content: NDArray[np.uint8] = sample.content
            return content
        found = np.full((64, 128, 3), 235, dtype=np.uint8)
        row, column = int((90 - sample.content[0]) / 180 * 63), int((sample.content[1] + 180) / 360 * 127)
        found[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = (200, 30, 30)
        return found

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """Shares in percent, GeoScore of 5000, kilometres."""
        truth = {id: (id, place) for id, place in self._truth.items()}
        for (id, place), ranking in self.judged(pairs, truth):
            first = self._places.get(ranking.ids[0]) if ranking.ids else None
            km = math.nan if first is None else self._km(place, first)
            add_within(self.tally, id, km, {f"within {bound} km": bound for bound in KM})
            self.tally.add("GeoScore", id, geoscore(km), plain=True)
            self.tally.add("mean km", id, km, plain=True)
        away = self.tally.values("mean km")
        median = float(np.nanmedian(away)) if np.isfinite(away).any() else math.nan
        self._leaks()
        return {**self.percents(), "median km": median}

    def answers(self) -> None:
        """Compare the gallery with the true places."""
        self._leaks()

    def _km(self, one: tuple[float, float], other: tuple[float, float]) -> float:
        if self.distance == "sphere":
            return float(distance_km(*one, np.array([other[0]]), np.array([other[1]]))[0])
        from pyproj import Geod

        return float(Geod(ellps="WGS84").inv(one[1], one[0], other[1], other[0])[2]) / 1000

    def _leaks(self) -> None:
        known = set(self._places.values())
        inside = sum(place in known for place in self._truth.values())
        if inside:
            self.files.note(f"{inside} true places are in the gallery to the last digit: their figures say little.")

    def _table(self, text: str, where: str, what: str) -> Table:
        table = read_positions(text, where, self.files.hint)
        if table.bad:
            self.files.note(
                f"{table.bad} rows of {what} were left out: they have no place on the globe, or no picture."
            )
        if not table.rows:
            raise LoaderError(f"{where} holds no row with a place.", hint=self.files.hint)
        return table

    @cached_property
    def _truth(self) -> dict[str, tuple[float, float]]:
        name, text = self.files.text(*((self.csv,) if self.csv else self.tables))
        table = self._table(text, str(self.files.root / name), name)
        if not table.pictures:
            raise LoaderError(f"{self.files.root / name} has no column of pictures (IMG_ID).", hint=self.files.hint)
        rows = self.files.kept(list(table.rows), key=lambda row: row[0], blank=lambda row: not row[0])
        self.files.count("photos", len(rows))
        return {picture: (latitude, longitude) for picture, latitude, longitude in rows}

    @cached_property
    def _places(self) -> dict[str, tuple[float, float]]:
        if self.given == "100k":
            path, label = locate(_OFFICIAL, "geoclip"), "gallery coordinates_100K.csv"
        else:
            path, label = self.files.root / Path(self.given).expanduser(), f"gallery {Path(self.given).name}"
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise LoaderError(f"The gallery {path} cannot be read: {error}.") from error
        self.files.read[label] = sha256_of(path)
        table = self._table(text, str(path), label)
        if self.kind == "photos":
            if not table.pictures:
                raise LoaderError(
                    f"{path} has no column of pictures (IMG_ID).", hint="kind=places searches its places."
                )
            return {picture: (latitude, longitude) for picture, latitude, longitude in table.rows}
        places = dict.fromkeys((latitude, longitude) for _, latitude, longitude in table.rows)
        return {f"{latitude!r},{longitude!r}": (latitude, longitude) for latitude, longitude in places}


class Im2GPS3k(Geolocation):
    __doc__ = Geolocation.__doc__
    name = "geo/im2gps3k"
    folders = ("images", "im2gps3ktest", "im2gps3k", "")
    tables = ("im2gps3k_places365.csv",)


class SmallYFCC(Geolocation):
    __doc__ = Geolocation.__doc__
    name = "geo/yfcc4k"
    folders = ("images", "yfcc4k", "")
    tables = ("yfcc4k_places365.csv",)


class LargeYFCC(Geolocation):
    __doc__ = Geolocation.__doc__
    name = "geo/yfcc26k"
    folders = ("images", "yfcc25600", "yfcc26k", "")
    tables = ("yfcc25600_places365.csv",)


class GWS15k(Geolocation):
    __doc__ = Geolocation.__doc__
    name = "geo/gws15k"
    folders = ("images", "gws15k", "")
    tables = ("gws15k.csv",)

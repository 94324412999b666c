"""The loaders `geo/places` and `geo/grid`: places without pixels, for a gallery that photos are located in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import LoaderError, MissingExtraError, UsageError
from fieldglass.loaders.cells import ColumnTypes
from fieldglass.spatial import read_area
from fieldglass.types import Item, Problem, Sample
from fieldglass_geo.gallery.grid import grid
from fieldglass_geo.gallery.points import Points, merged, thinned
from fieldglass_geo.gallery.reading import Reading, read_points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Grid", "Places"]

_OWN = ("lat", "lon", "count")


class _Bare:
    """What both loaders share: an item is its own content."""

    private = False
    queries = "files"  # a gallery of places is searched with photos

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """Each place as (latitude, longitude) float64 in degrees."""
        for item in items:
            yield Sample("place", (float(item.locator["lat"]), float(item.locator["lon"])), (), "degrees")

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """A place has no picture: LoaderError."""
        raise LoaderError("A place has no preview.")


class Places(_Bare):
    """The distinct places of a table, a file of shapes, a folder of photos or a collection; `count` says how often.

    :param lat: the column of the latitude in a table; guessed from common names if empty. `lon` likewise.
    :param id_column: the column that names a place; its coordinates do if empty.
    :param thin_km: no two places are closer; what goes adds its count to the nearest that stays.
    :param crs: the reference system of the numbers, EPSG:32633; degrees if empty; `latlon` where a GeoJSON is swapped.
    :param allow_zero: take the place 0, 0, which devices write when they do not know.
    :param encoding: of a text table; `delimiter` likewise.

    Shapes that are no points count by a point within. Photos count by their EXIF block. Rows without a place are
    problems; a file whose numbers are mostly no degrees, or swapped, is refused.
    """

    def __init__(
        self,
        *,
        lat: str = "",
        lon: str = "",
        id_column: str = "",
        thin_km: float = 0.0,
        crs: str = "",
        allow_zero: bool = False,
        encoding: str = "utf-8",
        delimiter: str = "",
    ) -> None:
        if not 0 <= thin_km < 20_000:
            raise UsageError(f"thin_km={thin_km} cannot be.", hint="Kilometres, 0 for none.")
        self.id_column, self.thin_km = id_column, thin_km
        self._how = Reading(lat, lon, crs, encoding, delimiter, allow_zero)

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The places of the file or folder at `root`. LoaderError where it holds none or is refused."""
        points, problems = self.points(root)
        yield from problems
        found = merged(points)
        if self.thin_km:
            found = thinned(found, self.thin_km)
        yield from _items(found, self.id_column, root.name)

    def points(self, root: Path) -> tuple[Points, list[Problem]]:
        """Every row that is a place, in order, neither merged nor thinned, and the rows that are none."""
        return read_points(root, self._how)


class Grid(_Bare):
    """The points of a grid over the area of a file, `spacing_km` apart on the ground everywhere on the globe.

    :param spacing_km: from one point to the next.
    :param crs: the reference system of the file where it does not say it; `latlon` if latitude is first.
    """

    def __init__(self, *, spacing_km: float = 10.0, crs: str = "") -> None:
        if not 0.01 <= spacing_km <= 5000:
            raise UsageError(f"A grid of {spacing_km:g} km cannot be.", hint="0.01 to 5000 km.")
        self.spacing_km, self.crs = spacing_km, crs

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The points of the grid. LoaderError where the file is no area; UsageError where no point lies in it."""
        try:
            area = read_area(root, self.crs or None)
        except UsageError as error:
            raise LoaderError(error.message, hint=error.hint.replace("--aoi-crs", "--crs")) from error
        yield from _items(grid(area, self.spacing_km), "", root.name)


def _items(points: Points, id_column: str, name: str) -> Iterator[Item | Problem]:
    types = ColumnTypes()
    cells = [{key: cell for key, cell in each.items() if key.lower() not in _OWN} for each in points.cells]
    for each in cells:
        types.see(each)
    seen: set[str] = set()
    named = _named(points)
    for row, each in enumerate(cells):
        lat, lon = float(points.lat[row]), float(points.lon[row])
        id = _id(lat, lon) if not id_column else str(each.get(id_column) or "").strip()
        if not id or id in seen:
            said = f"The name {id!r} was there before." if id else f"It has no name in {id_column!r}."
            yield Problem(f"{name}:{_id(lat, lon)}", "place-name", said)
            continue
        seen.add(id)
        metadata: dict[str, Any] = types.typed({key: cell for key, cell in each.items() if key != id_column})
        own = {"lat": lat, "lon": lon, "count": int(points.count[row])}
        yield Item(id, (), {"lat": lat, "lon": lon}, {**own, **named[row], **metadata})


def _named(points: Points) -> list[dict[str, str]]:
    """country, admin1 and place of each point, all at once: one by one the metadata hook would take far longer."""
    from fieldglass_geo.reverse import reverse

    try:
        found = reverse(points.lat, points.lon)
    except MissingExtraError:
        return [{} for _ in range(len(points))]
    columns = ("country", "admin1", "place")
    return [{name: value for name in columns if (value := getattr(each, name)) is not None} for each in found]


def _id(lat: float, lon: float) -> str:
    """ "55.6761,12.5683": seven decimals, 1 cm, without zeros at the end."""
    return ",".join(f"{each:.7f}".rstrip("0").rstrip(".") for each in (lat + 0.0, lon + 0.0))

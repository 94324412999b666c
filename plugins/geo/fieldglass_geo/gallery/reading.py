"""Reads points from what people have: a table, a file of shapes, a folder of photos, or a collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.rows import BadRow, Row, column_names, read_rows, require_column
from fieldglass.spatial.globe import wrap
from fieldglass.spatial.shape_files import SUFFIXES, read_shapes
from fieldglass.spatial.shapes import load_shapely
from fieldglass.types import Item, Problem
from fieldglass_geo.gallery.axes import check_axes, in_degrees
from fieldglass_geo.gallery.coordinates import degrees
from fieldglass_geo.gallery.points import Points

__all__ = ["Reading", "read_points"]

_LAT = ("lat", "latitude", "gps_lat", "gpslatitude", "gps_latitude", "lat_deg", "decimallatitude", "y")
_LON = ("lon", "lng", "long", "longitude", "gps_lon", "gpslongitude", "gps_longitude", "lon_deg", "decimallongitude", "x")  # fmt: skip  # noqa: E501
_AGREE = 1e-4  # degrees by which columns and a geometry of one row may differ: 11 m


@dataclass(frozen=True)
class Reading:
    """How points are read; see `fieldglass_geo.gallery.loader.Places`."""

    lat: str = ""
    lon: str = ""
    crs: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    allow_zero: bool = False


def read_points(path: Path, how: Reading) -> tuple[Points, list[Problem]]:
    """The points of a file or folder, in its order, and its rows that have none. LoaderError where it holds none."""
    rows: list[tuple[float, float, Mapping[str, Any]]] = []
    problems: list[Problem] = []
    for each in _found(path, how):
        if isinstance(each, Problem):
            problems.append(each)
        elif each[0] == 0 and each[1] == 0 and not how.allow_zero:
            problems.append(Problem(f"{path.name}:{each[3]}", "place-null-island", _NULL))
        else:
            rows.append(each[:3])
    if not rows:
        reason = f" The first problem: {problems[0].message}" if problems else ""
        raise LoaderError(f"{path.name!r} holds no place.{reason}", hint="Places are columns lat and lon, or points.")
    places = np.array([each[:2] for each in rows], dtype=np.float64)
    places[:, 1] = wrap(places[:, 1])
    places[places[:, 1] == 180, 1] = -180.0  # the same meridian: encoders that are not periodic get one side of it
    count = np.ones(len(rows), dtype=np.int64)
    return Points(places[:, 0], places[:, 1], count, tuple(each[2] for each in rows)), problems


_NULL = "It lies at exactly 0, 0, which devices write when they do not know. --set allow_zero=true takes it."
_Found = tuple[float, float, Mapping[str, Any], str]


def _found(path: Path, how: Reading) -> Iterator[_Found | Problem]:
    if (path / "catalogue.sqlite").is_file():
        return _of_collection(path)
    if path.is_dir():
        return _of_photos(path)
    if path.suffix.lower() in SUFFIXES and not _plain_parquet(path):
        return _of_shapes(path, how)
    return _of_table(path, how)


def _of_table(path: Path, how: Reading) -> Iterator[_Found | Problem]:
    columns = column_names(path, encoding=how.encoding, delimiter=how.delimiter)
    lat, lon = (_column(path, given, names, columns) for given, names in ((how.lat, _LAT), (how.lon, _LON)))
    read: list[tuple[float, float, Mapping[str, Any], str]] = []
    for row in read_rows(path, encoding=how.encoding, delimiter=how.delimiter):
        place = _place(row, lat, lon, how) if isinstance(row, Row) else row.reason
        if isinstance(row, BadRow) or isinstance(place, str):
            yield Problem(f"{path.name}:{row.line}", "place-row", f"Line {row.line}: {place}.")
        else:
            cells = {name: cell for name, cell in row.cells.items() if name not in (lat, lon)}
            read.append((*place, cells, str(row.line)))
    places = np.array([each[:2] for each in read], dtype=np.float64).reshape(-1, 2)
    if how.crs:
        places = in_degrees(places, how.crs, path.name)
    wrong = check_axes(places, path.name, lat, lon)
    for (_, _, cells, line), (latitude, longitude), bad in zip(read, places.tolist(), wrong, strict=True):
        if bad:
            yield Problem(
                f"{path.name}:{line}", "place-range", f"Line {line}: {latitude:g}, {longitude:g} is no place."
            )
        else:
            yield latitude, longitude, cells, line


def _place(row: Row, lat: str, lon: str, how: Reading) -> tuple[float, float] | str:
    """Latitude and longitude, in the units of the file where it has a reference system; or why not."""
    found = []
    for name, letters in ((lat, "NS"), (lon, "EW")):
        try:
            found.append(degrees(row.cells.get(name), letters, limit=False))
        except (ValueError, TypeError) as error:
            return f"{name}: {error}"
    return found[0], found[1]


def _column(path: Path, given: str, names: Sequence[str], columns: list[str]) -> str:
    if given:
        require_column(path, given, columns)
        return given
    lowered = {name.lower().replace(" ", "_"): name for name in reversed(columns)}
    for name in names:
        if name in lowered:
            return lowered[name]
    if not columns:
        return ""
    wanted = "latitude" if names is _LAT else "longitude"
    raise LoaderError(
        f"No column of {path.name!r} looks like a {wanted}: {', '.join(columns)}.",
        hint="Name them: --set lat=NAME --set lon=NAME.",
    )


def _of_shapes(path: Path, how: Reading) -> Iterator[_Found | Problem]:
    """A point for each shape: itself, or a point within it."""
    shapely = load_shapely()
    try:
        shapes = read_shapes(path, how.crs or None, option="--set crs=")
    except UsageError as error:
        raise LoaderError(error.message, hint=error.hint) from error
    for number, (shape, cells) in enumerate(zip(shapes.geometries, shapes.cells, strict=True), 1):
        point = shape if shape.geom_type == "Point" else shapely.point_on_surface(shape)
        _agreed(path, number, point, cells)
        yield point.y, point.x, {name: cell for name, cell in cells.items() if not isinstance(cell, dict)}, str(number)


def _agreed(path: Path, number: int, point: Any, cells: Mapping[str, Any]) -> None:
    """LoaderError where a geometry and columns of the same row say different places."""
    lowered = {name.lower(): value for name, value in cells.items()}
    lat = next((lowered[name] for name in _LAT[:2] if isinstance(lowered.get(name), float)), None)
    lon = next((lowered[name] for name in (*_LON[:2], _LON[3]) if isinstance(lowered.get(name), float)), None)
    if lat is None or lon is None or not np.isfinite([lat, lon]).all():
        return
    if abs(lat - point.y) > _AGREE or abs((lon - point.x + 180) % 360 - 180) > _AGREE:
        raise LoaderError(
            f"{path.name!r} disagrees with itself: row {number} has the geometry {point.y:g}, {point.x:g} "
            f"and the columns {lat:g}, {lon:g}.",
            hint="Drop the one that is wrong.",
        )


def _plain_parquet(path: Path) -> bool:
    """Whether it is a Parquet file without the key `geo`, which makes GeoParquet."""
    if path.suffix.lower() != ".parquet":
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"geo" not in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False  # whoever reads its rows will say so


def _of_photos(folder: Path) -> Iterator[_Found | Problem]:
    """The positions of photos, from what they say of themselves; those without one are passed over."""
    from fieldglass.loaders.files import Files
    from fieldglass_geo.columns import columns

    for each in Files().scan(folder):
        if isinstance(each, Item):
            told = columns(each, tuple(folder / name for name in each.paths), {})
            if told.get("lat") is not None and told.get("lon") is not None:
                yield float(told["lat"]), float(told["lon"]), {"photo": each.id}, each.id


def _of_collection(path: Path) -> Iterator[_Found | Problem]:
    """The places of the items of a collection: the middle of each footprint, or the point."""
    import fieldglass
    from fieldglass_geo.locating.middles import middles

    with fieldglass.open(path) as opened:
        lat, lon = middles(opened.engine.view())
        for row in np.flatnonzero(np.isfinite(lat)).tolist():
            yield float(lat[row]), float(lon[row]), {}, str(row)

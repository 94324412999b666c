"""Tables of pictures and where they were taken, under the column names that such files use."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fieldglass.errors import LoaderError

__all__ = ["Table", "read_positions"]

_PICTURE = ("img_id", "img_file", "image_file", "image", "filename", "file_name", "file", "id")
_LATITUDE = ("lat", "latitude")
_LONGITUDE = ("lon", "lng", "long", "longitude")
_GEOMETRY = ("geometry", "wkt", "geom")
_POINT = re.compile(r"^\s*(?:SRID=\d+;)?\s*POINT\s*Z?\s*\(\s*([-+.\deE]+)\s+([-+.\deE]+)", re.IGNORECASE)
_SAME = 1e-5  # degrees, about a metre


@dataclass(frozen=True)
class Table:
    """(picture, latitude, longitude) of each row, "" where there is no column of pictures; `bad` rows had no place."""

    rows: Sequence[tuple[str, float, float]]
    bad: int
    pictures: bool


def read_positions(text: str, where: str, hint: str = "") -> Table:
    """A CSV file with a header; names of columns count in any case.

    LoaderError where latitude or longitude lack, or a geometry column says another place than they do.
    """
    reader = csv.DictReader(io.StringIO(text))
    by_name = {name.strip().lower(): name for name in reader.fieldnames or () if name}
    picture, latitude, longitude, geometry = (
        next((by_name[each] for each in names if each in by_name), None)
        for names in (_PICTURE, _LATITUDE, _LONGITUDE, _GEOMETRY)
    )
    if latitude is None or longitude is None:
        lacking = "latitude (LAT)" if latitude is None else "longitude (LON)"
        raise LoaderError(
            f"{where} has no column of the {lacking}: {', '.join(by_name.values()) or 'nothing'}.", hint=hint
        )
    rows: list[tuple[str, float, float]] = []
    bad = 0
    for number, row in enumerate(reader, 2):
        place = _place(row[latitude], row[longitude])
        name = (row[picture] or "").strip() if picture else ""
        if place is None or (picture and not name):
            bad += 1
            continue
        if geometry is not None:
            _agree(row[geometry], place, f"{where}, line {number}", hint)
        rows.append((name, *place))
    return Table(rows, bad, picture is not None)


def _place(latitude: str | None, longitude: str | None) -> tuple[float, float] | None:
    try:
        lat, lon = float(latitude or ""), float(longitude or "")
    except ValueError:
        return None
    return (lat, lon) if math.isfinite(lat) and abs(lat) <= 90 and math.isfinite(lon) and abs(lon) <= 180 else None


def _agree(said: str | None, place: tuple[float, float], where: str, hint: str) -> None:
    found = _POINT.match(said or "")
    if found is None:
        return
    lon, lat = float(found[1]), float(found[2])
    if abs(lat - place[0]) > _SAME or abs(lon - place[1]) > _SAME:
        raise LoaderError(
            f"{where}: its columns say latitude {place[0]:g}, longitude {place[1]:g}; its geometry {lat:g}, {lon:g}.",
            hint=hint or "Remove the one that is wrong.",
        )

"""Rows with an id and a place, from what people have, and their names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fieldglass.errors import UsageError
from fieldglass_geo.columns import harmless
from fieldglass_geo.containers import SUFFIXES
from fieldglass_geo.inventory import photos_of
from fieldglass_geo.position import Position
from fieldglass_geo.reverse import reverse
from fieldglass_geo.where_taken import find

__all__ = ["named", "rows_of", "write_csv"]

Row = tuple[str, float, float]


def rows_of(paths: Sequence[Path], points: Sequence[str], lat: str, lon: str, crs: str) -> tuple[list[Row], list[str]]:
    """(id, latitude, longitude) of points and of what the paths hold, and a sentence on each thing without a place.

    UsageError or LoaderError where one cannot be read.
    """
    rows: list[Row] = [_point(text) for text in points]
    problems: list[str] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"There is no file, folder or collection {str(path)!r}.")
        for found in _of_path(path, lat, lon, crs):
            if isinstance(found, str):
                problems.append(found)
            else:
                rows.append(found)
    return rows, problems


def named(rows: Sequence[Row], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Each row with the wanted fields of `fieldglass_geo.reverse.Where`; those that are not known are left out."""
    names = reverse([lat for _, lat, _ in rows], [lon for _, _, lon in rows])
    found = []
    for (id, lat, lon), where in zip(rows, names, strict=True):
        told = {name: getattr(where, name) for name in columns}
        found.append({"id": id, "lat": lat, "lon": lon} | {n: value for n, value in told.items() if value is not None})
    return found


def write_csv(path: Path, rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    """The rows as CSV. A cell that a spreadsheet would run gets a quote."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([harmless(row.get(name, "")) for name in columns] for row in rows)


def _point(text: str) -> Row:
    from fieldglass.cli.where import degrees

    lat, lon = degrees("--at", text, "LAT,LON")
    return text, lat, lon


def _of_path(path: Path, lat: str, lon: str, crs: str) -> Iterable[Row | str]:
    if (path / "catalogue.sqlite").is_file():
        yield from _of_collection(path)
    elif path.is_dir():
        yield from (_of_photo(each) for each in photos_of([path]))
    elif path.suffix.lower() in SUFFIXES:
        yield _of_photo(path)
    else:
        from fieldglass_geo.gallery.reading import Reading, read_points

        points, problems = read_points(path, Reading(lat, lon, crs))
        yield from (f"{each.subject}: {each.message}" for each in problems)
        for row in range(len(points)):
            id = points.cells[row].get("id")
            yield str(id) if id is not None else str(row + 1), float(points.lat[row]), float(points.lon[row])


def _of_photo(path: Path) -> Row | str:
    found = find(path).position
    if isinstance(found, Position):
        return str(path), found.lat, found.lon
    return f"{path}: {found.message}"


def _of_collection(path: Path) -> Iterable[Row | str]:
    """The items of a collection with a place: the middle of each footprint, or the point."""
    import numpy as np

    import fieldglass
    from fieldglass_geo.locating.middles import middles

    with fieldglass.open(path) as opened:
        view = opened.engine.view()
        lat, lon = middles(view)
        snapshot = opened.store.snapshot()
        rows = snapshot.live_positions()
        rows = rows[np.isfinite(lat[rows])]
        ids = snapshot.ids(rows)
        for id, row in zip(ids, rows.tolist(), strict=True):
            yield id, float(lat[row]), float(lon[row])

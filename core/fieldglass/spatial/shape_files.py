"""Shapes from files: GeoJSON, GeoPackage, shapefile, GeoParquet; in degrees at the end, or refused with the cause."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.spatial.shapes import load_geopandas, load_shapely

__all__ = ["SUFFIXES", "Shapes", "read_shapes"]

LATLON = "latlon"  # the `crs` of a file that has latitude first
_LARGEST = 256 << 20  # bytes of an area file; a country's outline has some MB
# suffix -> the first bytes of such a file: GDAL would open by content whatever a file says of itself
_BYTES = {".gpkg": b"SQLite format 3\0", ".shp": b"\x00\x00\x27\x0a", ".parquet": b"PAR1", ".zip": b"PK"}
_JSON = (".geojson", ".json")
SUFFIXES = (*_JSON, *_BYTES)


@dataclass(frozen=True)
class Shapes:
    """Geometries (n,) object, shapely, longitude first in degrees, none of them empty; `cells` of each, by column."""

    geometries: Any
    cells: tuple[Mapping[str, Any], ...]


def read_shapes(path: str | os.PathLike[str], crs: str | None = None, *, option: str = "--aoi-crs") -> Shapes:
    """The shapes of a file in WGS84, longitude first.

    :param path: .geojson, .json, .gpkg (its first layer), .shp, a .zip with one shapefile, or .parquet.
    :param crs: the reference system of the file where it does not say it or says it wrongly: "EPSG:32633", or
        "latlon" for degrees with latitude first.
    :param option: how the user says `crs`; errors name it.

    UsageError where the file is none of these, holds no shape, or its numbers cannot be degrees.
    """
    file = Path(path).expanduser()
    suffix = file.suffix.lower()
    if not file.is_file():
        raise UsageError(f"There is no file {str(path)!r} of an area.")
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{file.name} is no area that can be read.", hint="GeoJSON, .gpkg, .shp (or zipped) and .parquet can."
        )
    if file.stat().st_size > _LARGEST:
        raise UsageError(f"{file.name} has more than 256 MiB.", hint="Simplify the area, or cut it.")
    shapely = load_shapely()
    wrong = (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, zipfile.BadZipFile)
    try:
        shapes, cells, own = _json(file) if suffix in _JSON else _table(file, suffix)
    except UsageError:
        raise
    except (*wrong, shapely.errors.ShapelyError) as error:
        raise UsageError(f"{file.name} cannot be read as an area: {_first_line(error)}.") from error
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    shapes = shapely.force_2d(shapes[there])
    if not len(shapes):
        raise UsageError(f"{file.name} holds no shape.", hint="It needs at least one polygon.")
    shapes = _in_degrees(shapes, crs or own, file.name, given=crs is not None, option=option)
    return Shapes(shapes, tuple(cells[row] for row in np.flatnonzero(there)))


def _json(file: Path) -> tuple[Any, list[Mapping[str, Any]], str | None]:
    """Shapes, their properties, and what the old `crs` member says; without it GeoJSON is in degrees (RFC 7946)."""
    shapely = load_shapely()
    document = json.loads(file.read_bytes().decode("utf-8-sig"))
    if not isinstance(document, dict) or "type" not in document:
        raise UsageError(f"{file.name} is not GeoJSON.", hint="It has no `type`.")
    if document["type"] == "FeatureCollection":
        features = list(document["features"])
    else:
        features = [document if document["type"] == "Feature" else {"geometry": document}]
    features = [each for each in features if each.get("geometry")]
    cells = [each.get("properties") or {} for each in features]
    named = (document.get("crs") or {}).get("properties", {}).get("name")
    texts = [json.dumps(each["geometry"]) for each in features]
    shapes = np.array(shapely.from_geojson(texts), dtype=object).reshape(-1)
    return shapes, cells, str(named) if named else "OGC:CRS84"


def _table(file: Path, suffix: str) -> tuple[Any, list[Mapping[str, Any]], str | None]:
    geopandas = load_geopandas()
    with file.open("rb") as stream:
        if not stream.read(16).startswith(_BYTES[suffix]):
            raise UsageError(f"{file.name} is not what its name says: a {suffix} file begins otherwise.")
    if suffix == ".parquet":
        frame = geopandas.read_parquet(file)
    else:
        frame = geopandas.read_file(f"/vsizip/{file.resolve()}/{_shapefile(file)}" if suffix == ".zip" else file)
    shapes = np.asarray(frame.geometry.values, dtype=object)
    cells = frame.drop(columns=frame.geometry.name).to_dict("records")
    return shapes, cells, None if frame.crs is None else frame.crs.to_wkt()


def _shapefile(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        found = [name for name in archive.namelist() if name.lower().endswith(".shp")]
        if len(found) != 1:
            raise UsageError(f"{file.name} holds {len(found)} shapefiles, not one.")
        if sum(each.file_size for each in archive.infolist()) > _LARGEST:
            raise UsageError(f"{file.name} unpacks to more than 256 MiB.")
        with archive.open(found[0]) as stream:
            if stream.read(4) != _BYTES[".shp"]:
                raise UsageError(f"{found[0]} in {file.name} is not a shapefile.")
    return found[0]


def _in_degrees(shapes: Any, crs: str | None, name: str, *, given: bool, option: str) -> Any:
    shapely = load_shapely()
    if crs is None:
        raise UsageError(
            f"{name} does not say its reference system.", hint=f"Say it: {option} EPSG:32633, for example."
        )
    if crs.lower() == LATLON:
        shapes = shapely.transform(shapes, lambda each: each[:, ::-1])
        crs = "OGC:CRS84"
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        system = CRS.from_user_input(crs)
    except CRSError as error:
        raise UsageError(
            f"{crs!r} is no reference system that is known.", hint=f"Say one: {option} EPSG:4326, or latlon."
        ) from error
    if not system.is_geographic or system.to_epsg() not in (4326, 4258, None) or system.is_derived:
        shapes = _transformed(shapes, system, name, option)
    _check_degrees(shapely.get_coordinates(shapes), name, given=given, option=option)
    return shapes


def _transformed(shapes: Any, system: Any, name: str, option: str) -> Any:
    from pyproj import Transformer

    shapely = load_shapely()
    longest = max(float(each) for each in np.ptp(shapely.get_coordinates(shapes), axis=0))
    if longest > 0:
        shapes = shapely.segmentize(shapes, longest / 64)  # straight edges there bend here
    to_degrees = Transformer.from_crs(system, "OGC:CRS84", always_xy=True)

    def turned(points: Any) -> Any:
        return np.stack(to_degrees.transform(points[:, 0], points[:, 1]), axis=1)

    shapes = shapely.transform(shapes, turned)
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise UsageError(
            f"{name} lies outside its reference system {system.name}.", hint=f"Say the right one: {option} EPSG:..."
        )
    return shapes


def _check_degrees(points: Any, name: str, *, given: bool, option: str) -> None:
    """GeoJSON in metres and swapped axes are taken for degrees by other tools and then find nothing."""
    x, y = np.abs(points[:, 0]), np.abs(points[:, 1])
    if np.isfinite(points).all() and (x <= 360).all() and (y <= 90).all():
        return
    corner = f"{points[0, 0]:g}, {points[0, 1]:g}"
    if (x <= 90).all() and (y <= 360).all() and not given:
        raise UsageError(
            f"{name} has its axes swapped: {corner} is no longitude, latitude.",
            hint=f"`{option} latlon` reads a file with latitude first.",
        )
    raise UsageError(
        f"{name} is not in degrees: it begins at {corner}.",
        hint=f"Coordinates in metres need their reference system: {option} EPSG:32633, for example.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")

"""Hits as GeoParquet and GeoPackage, through geopandas."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.spatial.shapes import load_geopandas

if TYPE_CHECKING:
    from fieldglass.result import SearchResult

__all__ = ["frame", "write_geopackage", "write_geoparquet"]


def frame(result: SearchResult) -> Any:
    """A GeoDataFrame in OGC:CRS84, one row per hit."""
    geopandas = load_geopandas()
    features = result.features()
    names = list(dict.fromkeys(name for each in features for name in each.properties))
    cells = {name: [each.properties.get(name) for each in features] for name in names}
    return geopandas.GeoDataFrame(cells, geometry=[each.geometry for each in features], crs="OGC:CRS84")


def write_geoparquet(result: SearchResult, path: Path) -> None:
    """GeoParquet 1.1 with the bounds of each row, so that readers can skip by place."""
    _replace(path, lambda file: frame(result).to_parquet(file, write_covering_bbox=True, schema_version="1.1.0"))


def write_geopackage(result: SearchResult, path: Path) -> None:
    """A GeoPackage with the layer `hits`."""
    made = frame(result).to_crs("EPSG:4326")  # the same numbers; GeoPackage has no CRS84
    _replace(path, lambda file: made.to_file(file, layer="hits", driver="GPKG", engine="pyogrio"))


def _replace(path: Path, write: Any) -> None:
    """Written beside it and then moved: GDAL would add a layer to a file that is there."""
    with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=".fieldglass-") as folder:
        made = Path(folder) / path.name
        write(made)
        os.replace(made, path)

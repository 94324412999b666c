"""Hits as GeoTIFF chips: the pixels as the loader gives them, on the grid of their own scene."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine

from fieldglass.registry import registry
from fieldglass.types import Problem, Sample
from fieldglass_remote_sensing.loader import Scenes
from fieldglass_remote_sensing.scenes import Scene, SceneError
from fieldglass_remote_sensing.tiling import Tile

if TYPE_CHECKING:
    from fieldglass.result import Hit, SearchResult

__all__ = ["export_chips"]

_POINTS = 5  # control points along a side, as a rectangle of them is interpolated


def export_chips(result: SearchResult, folder: Path) -> tuple[list[Path], list[str]]:
    """Write RANK_ID.tif for each hit in the CRS of its scene; the files, and a sentence for each that could not be.

    Bands keep their names, units and numbers; no-data is in the mask of the file. A scene that lies by control points
    alone, as radar does, gives a chip with some of its own; one without a CRS gives a chip without one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    failed: list[str] = []
    loaders: dict[str, Any] = {}  # each keeps the scenes that it has open
    for hit in result:
        try:
            path = folder / f"{hit.rank:03d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', hit.id)[-120:]}"
            path = path.with_name(path.name.removesuffix(".tif") + ".tif")
            _write(hit, path, loaders)
            written.append(path)
        except SceneError as error:
            failed.append(f"{hit.id}: {error.message}")
    return written, failed


def _write(hit: Hit, path: Path, loaders: dict[str, Any]) -> None:
    if hit.shelf is None:
        raise SceneError("chip", "The collection is closed.")
    ((source, item),) = hit.shelf.items(np.array([hit.position], dtype=np.int64))
    if source.name not in loaders:
        loaders[source.name] = registry().create("loaders", source.loader, source.options)
    loader = loaders[source.name]
    if not isinstance(loader, Scenes):
        raise SceneError("chip", f"It was read by {source.loader}, which knows no grid.")
    (sample,) = loader.read([item], source.root)
    if isinstance(sample, Problem):
        raise SceneError(sample.code, sample.message)
    scene, tile = loader.scene(item, source.root), Tile.of({"tile": (0, 0, 0), **item.locator})
    tags = {"FIELDGLASS_ID": hit.id, "UNITS": sample.units}
    taken = scene.metadata.get("date")
    if taken is not None:
        tags["TIFFTAG_DATETIME"] = f"{taken:%Y:%m:%d %H:%M:%S}"  # so that the chip can be searched with in turn
    _save(path, sample, _placed(scene, tile), tags)


def _placed(scene: Scene, tile: Tile) -> dict[str, Any]:
    """What says where the pixels lie: CRS and geotransform, or control points where the scene has those alone."""
    grid = _grid(scene, tile)
    if grid is not None:
        return {"crs": scene.crs, "transform": grid}
    if scene.place is None:
        return {}
    row0, col0, row1, col1 = tile.window
    rows, columns = (
        each.ravel() for each in np.meshgrid(np.linspace(0, 1, _POINTS), np.linspace(0, 1, _POINTS), indexing="ij")
    )
    lon, lat = scene.place.degrees(col0 + columns * (col1 - col0), row0 + rows * (row1 - row0))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return {}
    lon = np.unwrap(lon, period=360)
    height, width = tile.shape
    points = [
        GroundControlPoint(row * height, column * width, x, y)
        for row, column, x, y in zip(rows.tolist(), columns.tolist(), lon.tolist(), lat.tolist(), strict=True)
    ]
    return {"crs": "EPSG:4326", "gcps": points}


def _grid(scene: Scene, tile: Tile) -> Affine | None:
    """The geotransform of a tile: that of the scene, moved to the window and scaled to its pixels."""
    if scene.crs is None or scene.transform is None:
        return None
    row0, col0, row1, col1 = tile.window
    height, width = tile.shape
    a, b, c, d, e, f = tuple(scene.transform)[:6]
    across, down = (col1 - col0) / width, (row1 - row0) / height
    return Affine(a * across, b * down, a * col0 + b * row0 + c, d * across, e * down, d * col0 + e * row0 + f)


def _save(path: Path, sample: Sample, placed: dict[str, Any], tags: dict[str, Any]) -> None:
    pixels = np.moveaxis(sample.content, -1, 0)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2],
        "dtype": pixels.dtype.name, "compress": "deflate",
    }  # fmt: skip
    profile |= placed
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as chip:
        chip.write(pixels)
        for number, band in enumerate(sample.bands, 1):
            chip.set_band_description(number, band)
        chip.update_tags(**tags)
        if sample.mask is not None:
            chip.write_mask(sample.mask)

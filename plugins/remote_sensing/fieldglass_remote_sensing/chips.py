"""Hits as GeoTIFF chips: the pixels as the loader gives them, on the grid of their own scene."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from fieldglass.registry import registry
from fieldglass.types import Problem, Sample
from fieldglass_remote_sensing.loader import Scenes
from fieldglass_remote_sensing.scenes import Scene, SceneError
from fieldglass_remote_sensing.tiling import Tile

if TYPE_CHECKING:
    from fieldglass.result import Hit, SearchResult

__all__ = ["export_chips"]


def export_chips(result: SearchResult, folder: Path) -> tuple[list[Path], list[str]]:
    """Write RANK_ID.tif for each hit in the CRS of its scene; the files, and a sentence for each that could not be.

    Bands keep their names, units and numbers; no-data is in the mask of the file. A scene without a CRS gives a chip
    without one.
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
    _save(path, sample, scene, _grid(scene, tile), tags)


def _grid(scene: Scene, tile: Tile) -> Affine | None:
    """The geotransform of a tile: that of the scene, moved to the window and scaled to its pixels."""
    if scene.crs is None or scene.transform is None:
        return None
    row0, col0, row1, col1 = tile.window
    height, width = tile.shape
    a, b, c, d, e, f = tuple(scene.transform)[:6]
    across, down = (col1 - col0) / width, (row1 - row0) / height
    return Affine(a * across, b * down, a * col0 + b * row0 + c, d * across, e * down, d * col0 + e * row0 + f)


def _save(path: Path, sample: Sample, scene: Scene, grid: Affine | None, tags: dict[str, Any]) -> None:
    pixels = np.moveaxis(sample.content, -1, 0)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2],
        "dtype": pixels.dtype.name, "compress": "deflate",
    }  # fmt: skip
    if grid is not None:
        profile |= {"crs": scene.crs, "transform": grid}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as chip:
        chip.write(pixels)
        for number, band in enumerate(sample.bands, 1):
            chip.set_band_description(number, band)
        chip.update_tags(**tags)
        if sample.mask is not None:
            chip.write_mask(sample.mask)

"""Reads the tiles of one scene: handles stay open, and the last rows of blocks are kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.transform import from_gcps
from rasterio.vrt import WarpedVRT

from fieldglass.types import Problem, Sample
from fieldglass_remote_sensing.control import control_points
from fieldglass_remote_sensing.levels import Block, Level, overview_for
from fieldglass_remote_sensing.measures import CLOUDS, mean_indices, shows_ground
from fieldglass_remote_sensing.rasters import open_raster, settings
from fieldglass_remote_sensing.resampling import fit
from fieldglass_remote_sensing.settling import Settled, settle
from fieldglass_remote_sensing.tiling import Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import Item
    from fieldglass_remote_sensing.scenes import Layer, Scene

__all__ = ["KEEP", "SceneReader"]

KEEP = 192 << 20  # bytes of blocks that a scene keeps
_LOOK = 512  # pixels on a side of the small picture that settles a scene


class SceneReader:
    """Reads one scene, for one thread at a time.

    :param locate: the file of a layer -> what GDAL opens.
    :param min_valid: the least share of valid pixels of a tile.
    :param max_cloud: the largest share of cloud.
    :param mask_clouds: mask what the scene classification calls cloud, shadow or saturated.
    """

    def __init__(
        self,
        scene: Scene,
        locate: Callable[[str], str],
        *,
        min_valid: float = 0.5,
        max_cloud: float = 1.0,
        mask_clouds: bool = False,
    ) -> None:
        self.scene = scene
        self._locate = locate
        self._min_valid, self._max_cloud, self._mask_clouds = min_valid, max_cloud, mask_clouds
        self._rasters: dict[tuple[str, int | None], Any] = {}
        self._levels: dict[tuple[int, int | None, int], Level] = {}
        self._settled: Settled | None = None
        self._lock = Lock()

    def read(self, item: Item, tile: Tile) -> Sample | Problem:
        """The sample of a tile, or why there is none. Raises one of `rasters.UNREADABLE`, SceneError."""
        with self._lock, settings():
            values, mask = self._stack(tile)
            classes = self._classes(tile)
            settled = self._settle()
        measured: dict[str, Any] = dict(settled.columns)
        empty = values.min() == values.max()
        values, mask = settled.radiometry(values, mask, tile)
        valid = np.ones(values.shape[:2], dtype=np.bool_) if mask is None else mask
        clear = valid
        if classes is not None:
            valid = valid & (classes != 0)
            seen = int(valid.sum())
            measured["cloud"] = float(np.isin(classes[valid], CLOUDS).mean()) if seen else 1.0
            clear = valid & shows_ground(classes)
            if self._mask_clouds:
                valid = clear
        share = float(valid.mean())
        measured["valid"] = share
        problem = self._problem(item, share, measured.get("cloud", 0.0), empty=bool(empty) and values[..., 0].size > 1)
        if problem is not None:
            return problem
        if settled.radiometry.units != "dB":
            measured |= mean_indices(values, self.scene.bands, clear)
        content = np.ascontiguousarray(values)
        return Sample(
            "image", content, self.scene.bands, settled.radiometry.units, valid, self._spacing(tile), measured
        )

    def _problem(self, item: Item, share: float, cloud: float, *, empty: bool) -> Problem | None:
        whole = "tile" not in item.locator
        if share == 0:
            code, said = "no-data", "It has no valid pixel."
        elif not whole and share < self._min_valid:
            code, said = "no-data", f"{share:.0%} of its pixels are valid; {self._min_valid:.0%} are asked for."
        elif not whole and empty:
            code, said = "constant", "All its pixels have one value: it was never written, or is a fill."
        elif cloud > self._max_cloud:
            code, said = "cloudy", f"{cloud:.0%} of it is cloud; {self._max_cloud:.0%} are allowed."
        else:
            return None
        return Problem(item.id, f"{'scene' if whole else 'tile'}-{code}", said, item.paths)

    def _stack(self, tile: Tile) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """(h, w, bands) in the numbers of the files after their scales, in the order of the samples; and the mask."""
        parts, mask = [], None
        names: list[str] = []
        for place, layer in enumerate(self.scene.layers):
            if layer.role != "image":
                continue
            block = self._layer(place, layer, tile)
            values = block.values
            if set(layer.scales) - {1.0} or set(layer.offsets) - {0.0}:
                values = (values * np.array(layer.scales) + np.array(layer.offsets)).astype(np.float32)
            if block.mask is not None:
                mask = block.mask if mask is None else mask & block.mask
            parts.append(values)
            names += layer.bands
        values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        if self.scene.palette is not None:
            entries = values[..., 0]
            clear = [entry for entry, colour in self.scene.palette.items() if len(colour) > 3 and colour[3] == 0]
            if clear:
                seen = ~np.isin(entries, clear)
                mask = seen if mask is None else mask & seen
            return _coloured(entries, self.scene.palette), mask
        if tuple(names) != self.scene.bands:
            values = values[..., [names.index(band) for band in self.scene.bands]]
        return values, mask

    def _classes(self, tile: Tile) -> NDArray[Any] | None:
        for place, layer in enumerate(self.scene.layers):
            if layer.role == "classes":
                return self._layer(place, layer, tile).values[..., 0]
        return None

    def _layer(self, place: int, layer: Layer, tile: Tile) -> Block:
        categorical = layer.role == "classes" or self.scene.palette is not None
        down, across = layer.shape[0] / self.scene.height, layer.shape[1] / self.scene.width
        row0, col0, row1, col1 = (
            each * factor for each, factor in zip(tile.window, (down, across, down, across), strict=True)
        )
        factor = min((row1 - row0) / tile.shape[0], (col1 - col0) / tile.shape[1])
        level = self._level(place, layer, factor, categorical=categorical)
        high, wide = layer.shape[0] / level.shape[0], layer.shape[1] / level.shape[1]
        box = row0 / high, col0 / wide, row1 / high, col1 / wide
        top, left = max(0, math.floor(box[0] + 1e-6)), max(0, math.floor(box[1] + 1e-6))
        low, right = min(level.shape[0], math.ceil(box[2] - 1e-6)), min(level.shape[1], math.ceil(box[3] - 1e-6))
        block = level.read(top, left, max(low, top + 1), max(right, left + 1))
        return fit(
            block, (box[0] - top, box[1] - left, box[2] - top, box[3] - left), tile.shape, categorical=categorical
        )

    def _level(self, place: int, layer: Layer, factor: float, *, categorical: bool) -> Level:
        raster = self._raster(layer, None)
        overview, decimation = (None, max(1, int(factor * 1.0001)))
        if not self.scene.warp:
            overview, decimation = overview_for(raster, layer.indexes[0], factor)
        key = place, overview, decimation
        if key not in self._levels:
            if overview is not None:
                raster = self._raster(layer, overview)
            images = sum(each.role == "image" for each in self.scene.layers)
            self._levels[key] = Level(
                raster, layer.indexes, decimation=decimation, categorical=categorical, keep=KEEP // images
            )
        return self._levels[key]

    def _raster(self, layer: Layer, overview: int | None) -> Any:
        key = layer.file, overview
        if key not in self._rasters:
            options = dict(layer.options) if overview is None else {**layer.options, "OVERVIEW_LEVEL": overview}
            raster = open_raster(self._locate(layer.file), layer.driver, **options)
            self._rasters[key] = self._turned(raster) if self.scene.warp else raster
        return self._rasters[key]

    def _turned(self, raster: Any) -> Any:
        """The raster resampled to the north-up grid of the scene; what lies outside the raster is masked."""
        scene = self.scene
        more: dict[str, Any] = {} if raster.nodata is not None else {"add_alpha": True}
        points, _ = control_points(raster)
        if points:  # WarpedVRT takes the pixels for coordinates otherwise
            more["src_transform"] = from_gcps(points)
        return WarpedVRT(
            raster,
            src_crs=scene.crs,
            crs=scene.crs,
            transform=scene.transform,
            height=scene.height,
            width=scene.width,
            **more,
        )

    def _settle(self) -> Settled:
        if self._settled is None:
            scene = self.scene
            factor = max(1.0, max(scene.height, scene.width) / _LOOK)
            shape = max(1, round(scene.height / factor)), max(1, round(scene.width / factor))
            look = Tile(0, 0, 0, (0.0, 0.0, float(scene.height), float(scene.width)), shape)
            opened = hasattr(scene.radiometry, "settles")
            self._settled = settle(scene, *self._stack(look)) if opened else Settled(scene.radiometry, {})
        return self._settled

    def _spacing(self, tile: Tile) -> tuple[float, float] | None:
        pixel = self.scene.pixel
        if pixel is None:
            return None
        row0, col0, row1, col1 = tile.window
        return pixel[0] * (row1 - row0) / tile.shape[0], pixel[1] * (col1 - col0) / tile.shape[1]


def _coloured(entries: NDArray[Any], palette: Any) -> NDArray[np.uint8]:
    table = np.zeros((max(palette) + 1, 3), dtype=np.uint8)
    for entry, colour in palette.items():
        table[entry] = colour[:3]
    return np.asarray(table[np.minimum(entries, len(table) - 1)])

"""Satellite and aerial scenes as items: tiles with their bands, units, no-data and place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from fieldglass.errors import UsageError
from fieldglass.loaders import base_of, inside
from fieldglass.loaders.paths import OutsideError
from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.finding import Found, find
from fieldglass_remote_sensing.members import gdal_name
from fieldglass_remote_sensing.notes import notes_on, reprocessed
from fieldglass_remote_sensing.patches import patches, read_patch
from fieldglass_remote_sensing.places import crs_name
from fieldglass_remote_sensing.products import describe
from fieldglass_remote_sensing.rasters import UNREADABLE, RasterRefusedError, reason, settings
from fieldglass_remote_sensing.reader import KEEP, SceneReader
from fieldglass_remote_sensing.scenes import Scene, SceneError
from fieldglass_remote_sensing.stretch import stretch
from fieldglass_remote_sensing.tiling import Grid, Tile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Scenes"]

_OPEN = 8  # scenes whose handles and rows are kept
_CHUNK = 4096  # tiles placed at a time
_MARK = "#tile="


class Scenes:
    """Tiles of the scenes below a folder, or of one scene.

    :param size: pixels on a side of a tile; with `whole`, of the longer side of a scene.
    :param overlap: pixels that neighbours share.
    :param gsd: metres per pixel to resample to; those of the scene if 0.
    :param whole: a scene is one item, decimated while it is read.
    :param min_valid: a tile with a smaller share of valid pixels is left out, and journalled.
    :param max_cloud: a tile with a larger share of cloud is left out, where the scene has a classification.
    :param mask_clouds: cloud, its shadow and saturated pixels are no data, where the scene has a classification.
    :param sensor: of scenes that do not say it: "sentinel-2-l2a", "sentinel-2-l1c", "sentinel-1-grd", "aerial" ...
    :param bands: their names in the order of the file, "B02,B03,B04,B08", or one scheme, "eurosat".
    :param s2_offset: of Sentinel-2 numbers: "auto", "0" or "-1000".
    :param s1_units: of Sentinel-1 numbers: "auto", "db", "linear_power" or "amplitude_dn".
    :param rotated: scenes that are not north-up: "warp" (resample), "keep" or "refuse".
    :param crs: of scenes that have a geotransform or a world file and no CRS, "EPSG:25832".
    :param subdataset: of netCDF and HDF5 files that hold several rasters, "reflectance" or "group/reflectance".
    :param max_pixels: a larger scene is refused from its header.
    """

    private = False

    def __init__(
        self,
        *,
        size: int = 256,
        overlap: int = 0,
        gsd: float = 0.0,
        whole: bool = False,
        min_valid: float = 0.5,
        max_cloud: float = 1.0,
        mask_clouds: bool = False,
        sensor: str = "auto",
        bands: tuple[str, ...] = (),
        s2_offset: str = "auto",
        s1_units: str = "auto",
        rotated: str = "warp",
        crs: str = "",
        subdataset: str = "",
        max_pixels: int = 10_000_000_000,
    ) -> None:
        if size < 1 or not 0 <= overlap < size:
            raise UsageError(f"size={size} and overlap={overlap} cannot be.", hint="0 <= overlap < size.")
        if gsd < 0 or not (0 <= min_valid <= 1 and 0 <= max_cloud <= 1):
            raise UsageError(f"gsd={gsd}, min_valid={min_valid} and max_cloud={max_cloud}: shares are 0 to 1.")
        self._size, self._overlap, self._gsd, self._whole = size, overlap, gsd, whole
        self._limits = {"min_valid": min_valid, "max_cloud": max_cloud, "mask_clouds": mask_clouds}
        self._choices = Choices(sensor, tuple(bands), str(s2_offset), s1_units, rotated, crs, subdataset, max_pixels)
        self._readers: dict[tuple[Any, ...], SceneReader] = {}
        self._lock = Lock()

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The tiles of every scene, in the order in which they are read best; from headers alone."""
        base = base_of(self, root)
        all_found = list(find(root, base))
        older = reprocessed(each for each in all_found if isinstance(each, Found))
        for found in all_found:
            if isinstance(found, Problem):
                yield found
                continue
            if found.kind == "patches":
                yield from patches(found, base)
                continue
            scene = self._described(found, base)
            if isinstance(scene, Problem):
                yield scene
                continue
            if scene.id in older:
                said = f"{older[scene.id]} is a later processing of the same data; both are taken."
                yield Problem(scene.id, "scene-reprocessed", said, scene.paths, "warning")
            yield from notes_on(scene)
            yield from self._items(scene, found)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The tiles of one scene, each (h, w, bands) with its mask; no block of the scene is read twice."""
        base = base_of(self, root)
        for item in items:
            yield self._read(item, base)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(h, w, 3) uint8: true colour where the bands are known, else a stretch of the first ones."""
        return stretch(sample)

    def scene(self, item: Item, root: Path) -> Scene:
        """The scene of an item, from its headers alone. SceneError where it cannot be read."""
        found = self._described(_found(item), base_of(self, root))
        if isinstance(found, Problem):
            raise SceneError(found.code, found.message)
        return found

    def scenes(self, root: Path) -> Iterator[Scene | Problem]:
        """Every scene below `root`, from its headers."""
        for found in find(root, base_of(self, root)):
            if isinstance(found, Found) and found.kind == "patches":
                continue
            yield found if isinstance(found, Problem) else self._described(found, base_of(self, root))

    def patch_files(self, root: Path) -> Iterator[Found]:
        """The HDF5 files of patches below `root`, which are no scenes."""
        return (each for each in find(root, base_of(self, root)) if isinstance(each, Found) and each.kind == "patches")

    def _described(self, found: Found, base: Path) -> Scene | Problem:
        with settings():
            try:
                return describe(found, base, self._choices)
            except Exception as error:
                return _problem(error, found.id, found.paths)

    def _items(self, scene: Scene, found: Found) -> Iterator[Item | Problem]:
        grid = self._grid(scene)
        if self._gsd and scene.pixel is None:
            said = "It does not say how large its pixels are; they are taken as they are."
            yield Problem(scene.id, "scene-gsd", said, scene.paths, "warning")
        common = _columns(scene)
        tiles: Iterator[Tile] = iter([grid.whole()] if self._whole else grid.tiles())
        if scene.written is not None and not self._whole:
            written = scene.written
            kept = sum(written.any(tile.window) for tile in grid.tiles())
            said = f"{len(grid) - kept} of its {len(grid)} tiles were never written; they are left out."
            if kept < len(grid):
                yield Problem(scene.id, "scene-sparse", said, scene.paths, "warning")
            tiles = (tile for tile in grid.tiles() if written.any(tile.window))
        while chunk := list(islice(tiles, _CHUNK)):
            places = _places(scene, chunk)
            for tile, place in zip(chunk, places, strict=True):
                metadata = {**common, "height": tile.shape[0], "width": tile.shape[1], **place}
                if scene.pixel is not None:
                    metadata["gsd"] = round(scene.pixel[1] * (tile.window[3] - tile.window[1]) / tile.shape[1], 6)
                locator = tile.locator() | {"kind": found.kind, "scene": scene.id}
                if self._whole:
                    del locator["tile"]
                id = scene.id if self._whole else f"{scene.id}{_MARK}{tile.name}"
                yield Item(id, scene.paths, locator, metadata, {"scene": scene.id})

    def _grid(self, scene: Scene) -> Grid:
        factors = (1.0, 1.0)
        if scene.pixel is not None:
            down, across = scene.pixel
            target = self._gsd or (min(down, across) if abs(down / across - 1) > 0.01 and _projected(scene) else 0.0)
            if target:
                factors = target / down, target / across
        return Grid(scene.height, scene.width, self._size, self._overlap, factors, self._panel(scene, factors))

    def _panel(self, scene: Scene, factors: tuple[float, float]) -> int:
        """Tiles side by side whose rows of blocks fit into what a reader keeps."""
        decimation = max(1, int(factors[0]))
        rows = self._size * max(1.0, factors[0] / decimation) + 2 * scene.block[0]
        deep = sum(len(layer.indexes) for layer in scene.layers) * _bytes(scene.dtype)
        columns = KEEP / 1.5 / (rows * deep)
        stride = (self._size - self._overlap) * max(1.0, factors[1] / decimation)
        if columns * decimation >= scene.width:
            return 1 << 30
        return max(1, int(columns / stride))

    def _read(self, item: Item, base: Path) -> Sample | Problem:
        try:
            if item.locator["kind"] == "patch":
                return read_patch(item, base)
            reader = self._reader(item, base)
            return reader.read(item, Tile.of({"tile": (0, 0, 0), **item.locator}))
        except Exception as error:
            return _problem(error, item.id, item.paths)

    def _reader(self, item: Item, base: Path) -> SceneReader:
        stats = [inside(base, path).stat() for path in item.paths]
        key = (_found(item).id, base, *((each.st_size, each.st_mtime_ns) for each in stats))
        with self._lock:
            found = self._readers.pop(key, None)
            if found is None:
                with settings():
                    scene = describe(_found(item), base, self._choices)
                found = SceneReader(scene, lambda file: gdal_name(base, file), **self._limits)
            self._readers[key] = found
            while len(self._readers) > _OPEN:
                del self._readers[next(iter(self._readers))]
            return found


def _found(item: Item) -> Found:
    """What an item was found as."""
    return Found(item.locator["kind"], item.locator.get("scene", item.id), item.paths)


def _columns(scene: Scene) -> dict[str, Any]:
    found = {
        **scene.metadata,
        "sensor": scene.sensor,
        "sensor_reason": scene.sensor_reason,
        "bands": ",".join(scene.bands),
        "crs": crs_name(scene.crs) if scene.crs else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _places(scene: Scene, tiles: Sequence[Tile]) -> list[dict[str, Any]]:
    try:
        if scene.place is not None:
            return list(scene.place.columns_of([tile.window for tile in tiles]))
    except ValueError:
        pass  # a CRS without a way to longitude and latitude: pixels only
    return [{} for _ in tiles]


def _projected(scene: Scene) -> bool:
    from fieldglass_remote_sensing.places import metres_per_unit

    return bool(scene.crs and metres_per_unit(scene.crs))


def _bytes(dtype: str) -> int:
    import numpy as np

    return np.dtype(dtype).itemsize


def _problem(error: Exception, id: str, paths: tuple[str, ...]) -> Problem:
    if isinstance(error, SceneError):
        return Problem(id, error.code, error.message, paths)
    if isinstance(error, RasterRefusedError):
        return Problem(id, "scene-refused", f"Not opened: {error}.", paths)
    if isinstance(error, OutsideError):
        return Problem(id, "path-outside", f"Not opened: {error}.", paths)
    if isinstance(error, FileNotFoundError):
        return Problem(id, "file-missing", "The file is not there.", paths)
    if isinstance(error, UNREADABLE):
        return Problem(id, "scene-unreadable", reason(error), paths)
    raise error

"""GeoTIFF scenes as items: one read per scene, decimated while it is read, no-data masked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import transform

from fieldglass.errors import UsageError
from fieldglass.loaders import base_of, inside
from fieldglass.loaders.files import Files
from fieldglass.loaders.paths import OutsideError
from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.stretch import stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GeoTiff"]

_SUFFIXES = ("tif", "tiff", "gtiff")
_RGB = ("R", "G", "B")
_COLOURS = {ColorInterp.red: "R", ColorInterp.green: "G", ColorInterp.blue: "B", ColorInterp.gray: "L"}
_UNREADABLE = (RasterioError, OSError, ValueError, MemoryError)
# No sidecar is looked for (.aux.xml, .msk, .ovr): what a scene says must be in the scene.
_GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


class GeoTiff:
    """Whole scenes with all their bands, at most `size` pixels a side.

    A three-band 8-bit RGB scene is given as a photograph ("srgb8"); every other one in the numbers of the file
    after its scale and offset ("unit"). `bands` names the bands of files that do not name them: `--set bands=B02,B03`.
    """

    private = False

    def __init__(self, *, size: int = 1024, bands: tuple[str, ...] = ()) -> None:
        if size < 1:
            raise UsageError(f"rs/geotiff: size={size} is not a number of pixels.")
        self.size = size
        self.bands = tuple(bands)

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per .tif below `root`, from its header."""
        for found in Files(suffixes=_SUFFIXES).scan(root):
            yield found if isinstance(found, Problem) else self._item(found, base_of(self, root))

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """Each scene decoded once, (H, W, bands)."""
        for item in items:
            try:
                yield self._sample(item, inside(base_of(self, root), item.paths[0]))
            except OutsideError as error:
                yield Problem(item.id, "path-outside", f"Not opened: {error}.", item.paths)
            except FileNotFoundError:
                yield Problem(item.id, "file-missing", "The file is not there.", item.paths)
            except _UNREADABLE as error:
                yield Problem(item.id, "geotiff-unreadable", _reason(error), item.paths)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(H, W, 3) uint8: red, green, blue where they are known, else the first bands; stretched to 2..98 percent."""
        return stretch(sample)

    def _item(self, item: Item, base: Path) -> Item | Problem:
        try:
            with _open(inside(base, item.paths[0])) as scene:
                if any(kind.startswith("complex") for kind in scene.dtypes):
                    return Problem(item.id, "geotiff-complex", "Complex numbers have no picture.", item.paths)
                stem = PurePosixPath(item.paths[0]).stem
                return Item(item.id, item.paths, metadata=_metadata(scene), groups={"scene": stem})
        except (OutsideError, *_UNREADABLE) as error:
            return Problem(item.id, "geotiff-unreadable", _reason(error), item.paths)

    def _sample(self, item: Item, path: Path) -> Sample | Problem:
        with _open(path) as scene:
            kept = [n for n in scene.indexes if scene.colorinterp[n - 1] != ColorInterp.alpha]
            if self.bands and len(self.bands) != len(kept):
                said = f"bands={','.join(self.bands)} names {len(self.bands)}, the file has {len(kept)}."
                return Problem(item.id, "geotiff-bands", said, item.paths)
            shape = _fit(scene.height, scene.width, self.size)
            palette = scene.colormap(1) if scene.colorinterp[0] == ColorInterp.palette else None
            how = Resampling.nearest if palette else Resampling.average  # the mean of two palette entries is a third
            pixels = np.moveaxis(scene.read(kept, out_shape=(len(kept), *shape), resampling=how), 0, -1)
            mask = scene.read_masks(kept, out_shape=(len(kept), *shape)).any(axis=0)
            names = self.bands or _names(scene, kept)
            scales, offsets = (np.array([each[n - 1] for n in kept]) for each in (scene.scales, scene.offsets))
            spacing = _spacing(scene, shape)
        if palette:
            table = np.array([palette.get(n, (0, 0, 0, 255))[:3] for n in range(max(palette) + 1)], dtype=np.uint8)
            pixels, names = table[np.minimum(pixels[..., 0], len(table) - 1)], _RGB
        if (scales != 1).any() or (offsets != 0).any():
            pixels = (pixels * scales + offsets).astype(np.float32)
        if pixels.dtype.kind == "f":
            finite = np.isfinite(pixels).all(axis=-1)
            mask = mask & finite
            pixels = np.where(np.isfinite(pixels), pixels, 0).astype(np.float32)
        if not mask.any():
            return Problem(item.id, "geotiff-all-nodata", "No pixel of this scene is valid.", item.paths)
        photo = pixels.dtype == np.uint8 and set(names) == set(_RGB)
        if photo:
            pixels, names = pixels[..., [names.index(band) for band in _RGB]], _RGB
        return Sample("image", np.ascontiguousarray(pixels), names, "srgb8" if photo else "unit", mask, spacing)


def _open(path: Path) -> Any:
    # GTiff alone: a VRT in a file named .tif could otherwise read any file or address it names
    with warnings.catch_warnings(), rasterio.Env(**_GDAL):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, driver="GTiff")


def _metadata(scene: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "width": scene.width,
        "height": scene.height,
        "bands": scene.count,
        "depth": scene.dtypes[0],
        "crs": scene.crs.to_string() if scene.crs and scene.crs.to_epsg() else None,
    }
    if scene.crs and scene.crs.is_projected:
        found["gsd"] = float(np.hypot(scene.transform.a, scene.transform.d)) * scene.crs.linear_units_factor[1]
    return {name: value for name, value in (found | _centre(scene)).items() if value is not None}


def _centre(scene: Any) -> dict[str, float]:
    """Latitude and longitude of the middle of the scene, where it says where it is."""
    if not scene.crs or scene.transform.is_identity:
        return {}
    try:
        (lon,), (lat,) = transform(scene.crs, "EPSG:4326", *([each] for each in _middle(scene)))
    except RasterioError:
        return {}
    if not (abs(lat) <= 90 and abs(lon) <= 180):  # also drops infinity and NaN
        return {}
    return {"lat": round(lat, 6), "lon": round(lon, 6)}


def _middle(scene: Any) -> tuple[float, float]:
    place, across, down = scene.transform, scene.width / 2, scene.height / 2
    return place.a * across + place.b * down + place.c, place.d * across + place.e * down + place.f


def _names(scene: Any, kept: Sequence[int]) -> tuple[str, ...]:
    """Band names: the colours, the descriptions where they differ, else their numbers"""
    colours = [_COLOURS.get(scene.colorinterp[n - 1]) for n in kept]
    if set(colours) in ({"R", "G", "B"}, {"L"}):
        return tuple(str(colour) for colour in colours)
    described = [scene.descriptions[n - 1] or "" for n in kept]
    if all(described) and len(set(described)) == len(kept):
        return tuple(described)
    return tuple(str(n) for n in kept)  # never a guess at what the sensor calls them


def _fit(height: int, width: int, size: int) -> tuple[int, int]:
    factor = min(1.0, size / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _spacing(scene: Any, shape: tuple[int, int]) -> tuple[float, float] | None:
    """Metres per pixel as read, down and across; None where the file is not in metres."""
    if not scene.crs or not scene.crs.is_projected:
        return None
    across, down = np.hypot(scene.transform.a, scene.transform.d), np.hypot(scene.transform.b, scene.transform.e)
    metres = scene.crs.linear_units_factor[1]
    return float(down * metres * scene.height / shape[0]), float(across * metres * scene.width / shape[1])


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"

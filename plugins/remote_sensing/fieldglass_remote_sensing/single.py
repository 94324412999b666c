"""One raster file as a scene: its grid, its bands, its place, its units, from the header alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import rasterio.warp
from rasterio.enums import ColorInterp

from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.control import control_points
from fieldglass_remote_sensing.levels import block_of
from fieldglass_remote_sensing.naming import named_bands, radiometry_of
from fieldglass_remote_sensing.places import metres_per_unit
from fieldglass_remote_sensing.scenes import Layer, Scene, SceneError
from fieldglass_remote_sensing.sensors import Guess, date_in, guess
from fieldglass_remote_sensing.sparse import written_of

__all__ = ["describe_raster", "grid_of"]

_FINE = 1.0  # metres


def describe_raster(
    raster: Any,
    id: str,
    paths: tuple[str, ...],
    file: str,
    driver: str,
    choices: Choices,
    *,
    world: Any = None,
    options: Mapping[str, Any] | None = None,
) -> Scene:
    """The scene in an open raster, with the transform of its world file, if any. SceneError where it is none."""
    if any(kind.startswith("complex") for kind in raster.dtypes):
        raise SceneError("scene-complex", "Complex numbers have no picture; give the detected product.")
    kept = [n for n in raster.indexes if raster.colorinterp[n - 1] != ColorInterp.alpha]
    if not kept:
        raise SceneError("scene-bands", "It has no band but alpha.")
    grid = grid_of(raster, choices if world is None else choices.keeping_rotation(), world)
    tags = raster.tags()
    palette = raster.colormap(kept[0]) if raster.colorinterp[kept[0] - 1] == ColorInterp.palette else None
    dtype = raster.dtypes[kept[0] - 1]
    bands, found = (("R", "G", "B"), guess(id, (), tags)) if palette else named_bands(raster, kept, id, tags, choices)
    layer = Layer(
        file,
        driver,
        tuple(kept[:1] if palette else kept),
        ("palette",) if palette else bands,
        (grid["height"], grid["width"]),
        tuple(raster.scales[n - 1] for n in kept),
        tuple(raster.offsets[n - 1] for n in kept),
        options=options or {},
        declared=None if raster.nodata is None else float(raster.nodata),
    )
    radiometry, layer, bands = radiometry_of(layer, bands, dtype, found, id, tags, choices, palette=palette is not None)
    found = _from_above(found, bands, dtype, grid)
    date = found.date or date_in(tags.get("TIFFTAG_DATETIME", "") or tags.get("datetime", ""))
    metadata = {"date": date, "platform": found.platform, "baseline": found.baseline, "depth": dtype}
    return Scene(
        id,
        paths,
        layers=(layer,),
        dtype=dtype,
        sensor=found.sensor,
        sensor_reason=found.reason,
        radiometry=radiometry,
        metadata={name: value for name, value in metadata.items() if value is not None},
        order=bands if palette is None else (),
        block=block_of(raster),
        palette=palette,
        written=None if grid["warp"] else written_of(raster, layer.indexes),
        striped=max(shape[1] for shape in raster.block_shapes) >= raster.width and not raster.overviews(kept[0]),
        **grid,
    )


def _from_above(found: Guess, bands: Sequence[str], dtype: str, grid: dict[str, Any]) -> Guess:
    """8-bit colours on a fine grid are aerial photographs."""
    unit = metres_per_unit(grid["crs"]) if grid["crs"] is not None else None
    if found.sensor != "unknown" or not unit or grid["transform"] is None:
        return found
    metres = abs(grid["transform"].a) * unit
    if dtype == "uint8" and {"R", "G", "B"} <= set(bands) <= {"R", "G", "B", "NIR"} and metres <= _FINE:
        return replace(found, sensor="aerial", reason=f"8-bit {', '.join(bands)} of {metres:g} m")
    return found


def grid_of(raster: Any, choices: Choices, world: Any = None) -> dict[str, Any]:
    """Height, width, transform, crs, gcps and warp of a scene. SceneError for one that is too large or turned."""
    height, width = raster.height, raster.width
    if height * width > choices.max_pixels:
        raise SceneError(
            "scene-too-large",
            f"{width} x {height} pixels are more than the limit of {choices.max_pixels:g} (--set max_pixels=N).",
        )
    crs = raster.crs.to_wkt() if raster.crs else choices.crs or None
    transform = world or raster.transform
    points: tuple[tuple[float, float, float, float], ...] = ()
    if transform.is_identity or not all(math.isfinite(each) for each in transform):
        transform = None
        gcps, of_gcps = control_points(raster)
        if len(gcps) >= 3 and of_gcps:
            points, crs = tuple((each.row, each.col, each.x, each.y) for each in gcps), of_gcps.to_wkt()
        else:
            crs = None  # numbers of pixels are no coordinates
    if crs is not None and metres_per_unit(crs) is None:
        crs = None  # a local or engineering CRS leads to no place on the globe
    turned = crs is not None and (transform is None or (transform.b != 0 or transform.d != 0))
    plain = {"height": height, "width": width, "transform": transform, "crs": crs, "gcps": points, "warp": False}
    if not turned or choices.rotated == "keep":
        return plain
    if choices.rotated == "refuse":
        raise SceneError(
            "scene-rotated", "It is not north-up; --set rotated=warp resamples it, keep takes it as it is."
        )
    return _warped(plain, raster)


def _warped(plain: dict[str, Any], raster: Any) -> dict[str, Any]:
    """The north-up grid that GDAL proposes, in the same CRS."""
    crs = plain["crs"]
    known: dict[str, Any] = {"gcps": control_points(raster)[0]} if plain["gcps"] else {}
    if not known:
        corners = [plain["transform"] @ each for each in _corners(plain["width"], plain["height"])]
        xs, ys = zip(*corners, strict=True)
        known = {"left": min(xs), "bottom": min(ys), "right": max(xs), "top": max(ys)}
    if "gcps" in known:
        transform, width, height = rasterio.warp.calculate_default_transform(
            crs, crs, plain["width"], plain["height"], **known
        )
    else:
        from rasterio.transform import from_origin

        old = plain["transform"]
        across, down = math.hypot(old.a, old.d), math.hypot(old.b, old.e)
        width = max(1, math.ceil((known["right"] - known["left"]) / across - 1e-6))
        height = max(1, math.ceil((known["top"] - known["bottom"]) / down - 1e-6))
        transform = from_origin(known["left"], known["top"], across, down)
    return plain | {"transform": transform, "width": width, "height": height, "gcps": (), "warp": True}


def _corners(width: int, height: int) -> Sequence[tuple[int, int]]:
    return (0, 0), (width, 0), (width, height), (0, height)

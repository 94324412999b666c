"""Bands that lie in files of their own, each on its own grid, as one scene on the finest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.levels import block_of
from fieldglass_remote_sensing.members import gdal_name
from fieldglass_remote_sensing.rasters import open_raster
from fieldglass_remote_sensing.scenes import Layer, SceneError
from fieldglass_remote_sensing.single import grid_of

__all__ = ["Part", "Stack", "stack"]

_SLACK = 1.5  # pixels of the coarser band that the corners may differ by


@dataclass(frozen=True)
class Part:
    """A band in a file of its own: the first one of that file, or band `index`."""

    file: str
    driver: str
    band: str
    role: Literal["image", "classes"] = "image"
    index: int = 1
    scale: float | None = None
    offset: float | None = None


@dataclass(frozen=True)
class Stack:
    """The grid (as `single.grid_of` gives it), the layers, the type of the numbers, and the tags of the first file."""

    grid: dict[str, Any]
    layers: tuple[Layer, ...]
    dtype: str
    block: tuple[int, int]
    tags: dict[str, str]


def stack(parts: Sequence[Part], base: Path, choices: Choices) -> Stack:
    """Open every header. SceneError where the files do not cover the same ground."""
    grids, layers, dtypes, blocks = [], [], [], []
    tags: dict[str, str] = {}
    for part in parts:
        with open_raster(gdal_name(base, part.file), part.driver) as raster:
            if part.index > raster.count:
                raise SceneError("scene-bands", f"{part.file} has {raster.count} bands, not {part.index}.")
            grid = grid_of(raster, choices)
            scale = raster.scales[part.index - 1] if part.scale is None else part.scale
            offset = raster.offsets[part.index - 1] if part.offset is None else part.offset
            layers.append(
                Layer(
                    part.file,
                    part.driver,
                    (part.index,),
                    (part.band,),
                    (grid["height"], grid["width"]),
                    (scale,),
                    (offset,),
                    part.role,
                )
            )
            grids.append(grid)
            dtypes.append(raster.dtypes[part.index - 1])
            blocks.append(block_of(raster))
            tags = tags or raster.tags()
    images = [place for place, part in enumerate(parts) if part.role == "image"]
    if not images:
        raise SceneError("scene-bands", "It has no band.")
    finest = max(images, key=lambda place: grids[place]["height"] * grids[place]["width"])
    for place, part in enumerate(parts):
        _same_ground(grids[place], grids[finest], part.file, parts[finest].file)
    kinds = {dtypes[place] for place in images}
    dtype = kinds.pop() if len(kinds) == 1 else "float32"
    return Stack(grids[finest], tuple(layers), dtype, blocks[finest], tags)


def in_order(layers: Sequence[Layer], bands: Sequence[str]) -> tuple[Layer, ...]:
    """Layers of one band each in that order, others behind."""
    places = {band: place for place, band in enumerate(bands)}
    return tuple(sorted(layers, key=lambda layer: places.get(layer.bands[0], len(places))))


def plain(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers without scale and offset: the radiometry of the product does it."""
    return tuple(replace(layer, scales=(1.0,), offsets=(0.0,)) for layer in layers)


def _same_ground(one: dict[str, Any], other: dict[str, Any], name: str, finest: str) -> None:
    if one["crs"] != other["crs"] or (one["transform"] is None) != (other["transform"] is None):
        raise SceneError("scene-bands-differ", f"{name} and {finest} are not in one CRS.")
    if one["transform"] is None:
        if one["gcps"] != other["gcps"] or (one["height"], one["width"]) != (other["height"], other["width"]):
            raise SceneError("scene-bands-differ", f"{name} and {finest} do not cover the same ground.")
        return
    slack = _SLACK * max(abs(one["transform"].a), abs(other["transform"].a), abs(one["transform"].e))
    for corner in ((0.0, 0.0), (1.0, 1.0)):
        x, y = one["transform"] @ (corner[0] * one["width"], corner[1] * one["height"])
        u, v = other["transform"] @ (corner[0] * other["width"], corner[1] * other["height"])
        if abs(x - u) > slack or abs(y - v) > slack:
            raise SceneError("scene-bands-differ", f"{name} and {finest} do not cover the same ground.")

"""From what was found to a scene: opens headers, and only those."""

from __future__ import annotations

from pathlib import Path

from fieldglass.loaders import inside
from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.finding import Found, driver_of
from fieldglass_remote_sensing.rasters import open_raster
from fieldglass_remote_sensing.scenes import Scene
from fieldglass_remote_sensing.single import describe_raster

__all__ = ["describe", "locate"]


def describe(found: Found, base: Path, choices: Choices) -> Scene:
    """The scene; call it within `rasters.settings()`. Raises SceneError, OutsideError, or one of `UNREADABLE`."""
    file = found.paths[0]
    driver = driver_of(file)
    with open_raster(locate(base, file), driver) as raster:
        return describe_raster(raster, found.id, found.paths, file, driver, choices)


def locate(base: Path, file: str) -> str:
    """What GDAL opens for the file of a layer. OutsideError where it is not below `base`."""
    return str(inside(base, file))

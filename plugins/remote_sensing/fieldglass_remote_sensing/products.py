"""From what was found to a scene: opens headers and manifests, and only those."""

from __future__ import annotations

from pathlib import Path

from fieldglass_remote_sensing.bandfiles import describe_bands
from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.finding import Found, driver_of
from fieldglass_remote_sensing.members import Members, gdal_name
from fieldglass_remote_sensing.rasters import open_raster
from fieldglass_remote_sensing.scenes import Scene, SceneError
from fieldglass_remote_sensing.sentinel1 import describe_sentinel1
from fieldglass_remote_sensing.sentinel2 import describe_sentinel2
from fieldglass_remote_sensing.single import describe_raster
from fieldglass_remote_sensing.stac import describe_stac
from fieldglass_remote_sensing.subdatasets import chosen_subdataset
from fieldglass_remote_sensing.world_files import world_transform

__all__ = ["describe"]


def describe(found: Found, base: Path, choices: Choices) -> Scene:
    """The scene; call it within `rasters.settings()`. Raises SceneError, OutsideError, or one of `UNREADABLE`."""
    if found.kind == "safe":
        return _product(found, base, choices)
    if found.kind == "bands":
        return describe_bands(found.id, found.paths, base, choices)
    if found.kind == "stac":
        return describe_stac(found.id, found.paths[0], base, choices)
    file = found.paths[0]
    driver = driver_of(file)
    name = gdal_name(base, file)
    if driver not in ("HDF5", "netCDF"):
        world = world_transform(base, found.paths[1]) if len(found.paths) > 1 else None
        with open_raster(name, driver) as raster:
            return describe_raster(raster, found.id, found.paths, file, driver, choices, world=world)
    with open_raster(name, driver) as raster:
        subdataset = chosen_subdataset(raster, choices.subdataset)
    options = {"subdataset": subdataset} if subdataset else {}
    with open_raster(name, driver, **options) as raster:
        return describe_raster(raster, found.id, found.paths, file, driver, choices, options=options)


def _product(found: Found, base: Path, choices: Choices) -> Scene:
    members = Members(base, found.paths)
    if any(name.endswith(("MTD_MSIL2A.xml", "MTD_MSIL1C.xml")) for name in members.names):
        return describe_sentinel2(found.id, members, base, choices)
    if any("measurement/" in name for name in members.names):
        return describe_sentinel1(found.id, members, base, choices)
    raise SceneError("scene-manifest", "It is no Sentinel-1 GRD and no Sentinel-2 product: it has no manifest of one.")

"""Which of the rasters in a netCDF or HDF5 file is meant."""

from __future__ import annotations

from typing import Any

from fieldglass_remote_sensing.scenes import SceneError

__all__ = ["chosen_subdataset", "gdal_subdataset"]

_PREFIX = {"HDF5": "HDF5", "HDF5Image": "HDF5", "netCDF": "NETCDF"}


def chosen_subdataset(raster: Any, wanted: str) -> str:
    """The name of the subdataset to open, "" for the file itself. SceneError where the user must say which."""
    names = [each.rpartition(":")[2].lstrip("/") for each in raster.subdatasets]
    if wanted:
        if wanted.lstrip("/") not in names and not (not names and raster.count):
            raise SceneError("scene-subdataset", f"It has no subdataset {wanted!r}, but {_list(names)}.")
        return wanted.lstrip("/") if names else ""
    if raster.count or not names:
        return ""
    if len(names) > 1:
        raise SceneError("scene-subdataset", f"It holds several rasters: --set subdataset=NAME, of {_list(names)}.")
    return names[0]


def gdal_subdataset(path: str, driver: str, name: str) -> tuple[str, str]:
    """What GDAL opens for a subdataset, and the driver that does it."""
    if '"' in path or '"' in name:
        raise SceneError("scene-subdataset", "A path or name with a quotation mark cannot be opened.")
    slashes = "//" if driver.startswith("HDF5") else ""
    return f'{_PREFIX[driver]}:"{path}":{slashes}{name}', "HDF5Image" if driver == "HDF5" else driver


def _list(names: list[str]) -> str:
    return ", ".join(names[:20]) + (" ..." if len(names) > 20 else "") or "none"

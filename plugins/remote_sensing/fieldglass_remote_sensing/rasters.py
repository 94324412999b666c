"""Opens one raster with one named GDAL driver, and lets it reach no other file.

A GeoTIFF can lead GDAL elsewhere: by being a VRT in disguise, by its own tag OVERVIEW_FILE, by sidecars beside it
(.aux.xml, .msk, .ovr, world files), and by settings in the environment. Here the driver is told, the tag is
refused, the folder is never listed, and the settings are those of this module for the thread that reads.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio._err import CPLE_BaseError  # what GDAL says where rasterio does not wrap it
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from fieldglass_remote_sensing.hdf5 import keep_inside
from fieldglass_remote_sensing.subdatasets import gdal_subdataset

__all__ = ["DRIVERS", "UNREADABLE", "RasterRefusedError", "open_raster", "reason", "settings"]

DRIVERS = {
    ".tif": "GTiff", ".tiff": "GTiff", ".gtiff": "GTiff", ".jp2": "JP2OpenJPEG", ".j2k": "JP2OpenJPEG",
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".nc": "netCDF", ".h5": "HDF5", ".hdf5": "HDF5", ".he5": "HDF5",
}  # fmt: skip
UNREADABLE = (RasterioError, CPLE_BaseError, OSError, ValueError, MemoryError)

_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no sidecar is looked for
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": 64 << 20,  # what is read again is kept by `levels`, with a bound per scene
    "GDAL_HTTP_MAX_RETRY": 0,
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{nothing}",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "USE_RRD": "NO",
    "GTIFF_POINT_GEO_IGNORE": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_NUM_THREADS": "1",
}


class RasterRefusedError(ValueError):
    """A raster that names another file to read."""


@contextmanager
def settings() -> Iterator[None]:
    """GDAL's settings for what this thread opens and reads within, whatever the environment says."""
    with warnings.catch_warnings(), rasterio.Env(**_SETTINGS):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def open_raster(path: str | Path, driver: str, *, subdataset: str = "", **options: Any) -> Any:
    """A rasterio dataset of that driver alone; call it within `settings()`.

    `path` is a real path below the root (`fieldglass.loaders.inside`), or one in an archive made from such.
    RasterRefusedError or SceneError where the raster names another file; else one of `UNREADABLE`.
    """
    if driver in ("HDF5", "netCDF"):
        keep_inside(str(path))
        if subdataset:
            path, driver = gdal_subdataset(str(path), driver, subdataset)
    raster = rasterio.open(path, driver=driver, sharing=False, **options)
    if raster.tags(ns="OVERVIEWS").get("OVERVIEW_FILE"):
        raster.close()
        raise RasterRefusedError("its tag OVERVIEW_FILE names another file, which is not read")
    return raster


def reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    said = str(error).splitlines()[0] if str(error) else "no reason given"
    return f"{type(error).__name__}: {said}"[:300]

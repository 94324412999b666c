"""Writes small scenes of Sentinel-1 and Sentinel-2 that show what their captions say, and the table of captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from fieldglass_remote_sensing.spectral import RADAR, SENTINEL2

L2A = tuple(band for band in SENTINEL2 if band != "B10")
# what covers the ground: reflectance x 10 000 of the 12 bands, and VV, VH in dB
COVERS = {
    "Water": ((700, 600, 500, 350, 300, 250, 250, 200, 200, 180, 100, 80), (-21.0, -28.0)),
    "Trees": ((250, 280, 450, 300, 700, 1900, 2400, 2600, 2700, 2700, 1300, 600), (-8.0, -13.5)),
    "Bare": ((1500, 1700, 2100, 2600, 2800, 2900, 3000, 3100, 3200, 3300, 3800, 3400), (-14.0, -23.0)),
    "Built": ((1400, 1500, 1600, 1800, 1900, 2000, 2100, 2200, 2200, 2300, 2400, 2200), (-1.0, -9.0)),
}


def write(folder: Path, each: int = 3, side: int = 48) -> Path:
    """`each` scenes of every cover and sensor below `folder`; the path of their captions."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["id,labels"]
    noise = np.random.default_rng(5)
    for place, (name, (optical, radar)) in enumerate(COVERS.items()):
        for number in range(each):
            grid = from_origin(500000 + 20000 * place, 5000000 + 5000 * number, 10, 10)
            for sensor, bands, levels, dtype in (("s1", RADAR, radar, "float32"), ("s2", L2A, optical, "uint16")):
                values = np.array(levels, dtype=np.float64)[:, None, None]
                grain = noise.normal(0, 1 if sensor == "s1" else 20, (len(bands), side, side))
                file = f"{sensor}_{name.lower()}_{number}.tif"
                with rasterio.open(
                    folder / file, "w", driver="GTiff", width=side, height=side, count=len(bands), dtype=dtype,
                    crs="EPSG:32632", transform=grid,
                ) as raster:  # fmt: skip
                    raster.write(np.maximum(values + grain, 1 if sensor == "s2" else -49).astype(dtype))
                    raster.descriptions = bands
                    raster.update_tags(PROCESSING_BASELINE="03.01")
                rows.append(f"{file},{name};Land" if name != "Water" else f"{file},{name}")
    table = folder.parent / f"{folder.name}.csv"
    table.write_text("\n".join(rows) + "\n")
    return table

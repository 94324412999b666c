"""Small official files of the benchmarks of locating photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

TRUTH = {
    "a_1.jpg": (48.8584, 2.2945),
    "b_2.jpg": (-33.8568, 151.2153),
    "c_3.jpg": (40.6892, -74.0445),
    "d_4.jpg": (0.0, 179.99),
}
PLACES = [(48.86, 2.29), (-33.5, 151.0), (41.9, -87.6), (0.0, -179.99), (48.86, 2.29), (64.15, -21.95)]


def photos(root: Path, table: str = "im2gps3k_places365.csv", folder: str = "images") -> Path:
    """`table` with the columns of the official files, a photo for each row, and gallery.csv with a double row."""
    (root / folder).mkdir(parents=True)
    noise = np.random.default_rng(0)
    rows = ["IMG_ID,AUTHOR,LAT,LON,S3_Label,S16_Label,S365_Label,Prob_indoor"]
    for name, (latitude, longitude) in TRUTH.items():
        Image.fromarray(noise.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(root / folder / name)
        rows.append(f"{name},someone,{latitude},{longitude},1,2,3,0.1")
    (root / table).write_text("\n".join(rows) + "\n")
    (root / "gallery.csv").write_text("\n".join(["LAT,LON", *(f"{lat},{lon}" for lat, lon in PLACES)]) + "\n")
    return root

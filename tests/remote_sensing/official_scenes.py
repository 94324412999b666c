"""Small files in the layout of the official ones of remote sensing, with real pictures, for tests of the readers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin

__all__ = [
    "KINDS",
    "captions",
    "cross_view",
    "cvg_text",
    "draw",
    "eurosat",
    "patterncom",
    "patternnet",
    "write",
]

KINDS = ("bridge", "overpass", "dense_residential", "sparse_residential", "swimming_pool", "airplane")


def write(path: Path, content) -> Path:
    """JSON, or text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def draw(path: Path, seed: int, size: tuple[int, int] = (24, 32)) -> None:
    """A picture of two colours that depend on the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 256, (2, 1, 3), dtype=np.uint8)
    Image.fromarray(picture.repeat(size[0] // 2, axis=0).repeat(size[1], axis=1)).save(path)


def patternnet(root: Path) -> Path:
    """Six classes of three pictures."""
    lines = []
    for place, kind in enumerate(KINDS):
        for number in range(3):
            path = f"{kind}/{kind.replace('_', '')}{number + 1:03d}.jpg"
            lines.append(f"{path} {place} {kind}")
            draw(root / "images" / path, 10 * place + number)
    write(root / "patternnet.csv", "\n".join(lines) + "\n")
    return root


def patterncom(root: Path) -> Path:
    """Colours of bridges, overpasses and pools, densities of residences over two classes; a picture listed twice."""
    patternnet(root)
    lists = {
        "color": [
            ("bridge001.jpg", "gray"), ("bridge002.jpg", "red"), ("overpass001.jpg", "gray"),
            ("overpass002.jpg", "red"), ("swimmingpool001.jpg", "blue"), ("swimmingpool002.jpg", "green"),
            ("swimmingpool001.jpg", "green"),
        ],
        "context": [("bridge001.jpg", "over water"), ("overpass003.jpg", "over land")],
        "density": [("denseresidential001.jpg", "dense"), ("sparseresidential001.jpg", "sparse")],
        "existence": [("airplane001.jpg", "with airplane"), ("airplane002.jpg", "without airplane")],
        "quantity": [("airplane001.jpg", "one"), ("airplane002.jpg", "two"), ("airplane003.jpg", "three")],
        "shape": [("swimmingpool001.jpg", "oval"), ("swimmingpool003.jpg", "rectangular")],
    }  # fmt: skip
    for attribute, rows in lists.items():
        lines = [f"{name},{attribute},{value}" for name, value in rows]
        write(root / f"PatternCom/{attribute}.csv", "\n".join(lines) + "\n")
    return root


def captions(root: Path, file: str, suffix: str = ".jpg") -> Path:
    """Three test pictures with two captions each, two of them the same but for a full stop; one picture to train on."""
    said = {
        "a": ["many red planes .", "a red field"],
        "b": ["A red field .", "two green pools"],
        "c": ["blue sea", "Dark sea"],
    }
    images = []
    for number, (name, texts) in enumerate(said.items()):
        images.append({"filename": name + suffix, "split": "test", "sentences": [{"raw": text} for text in texts]})
        draw(root / "images" / f"{name}{suffix}", number)
    images.append({"filename": f"d{suffix}", "split": "train", "sentences": [{"raw": "not asked"}]})
    write(root / file, {"images": images, "dataset": "small"})
    return root


def eurosat(root: Path, *, version: str = "ms") -> Path:
    """Two classes of three patches, of which five are the test split; band n of the file holds 100 (n + 1)."""
    for place, kind in enumerate(("River", "SeaLake")):
        for number in range(1, 4):
            path = root / kind / f"{kind}_{number}.tif"
            if version == "rgb":
                draw(path.with_suffix(".jpg"), 10 * place + number, (64, 64))
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            values = np.stack([np.full((64, 64), 100 * (band + 1) + 7 * place + number) for band in range(13)])
            with rasterio.open(
                path, "w", driver="GTiff", height=64, width=64, count=13, dtype="uint16", crs="EPSG:32633",
                transform=from_origin(500000, 5800000, 10, 10),
            ) as file:  # fmt: skip
                file.write(values.astype("uint16"))
    names = [f"River_{n}" for n in (1, 2, 3)] + [f"SeaLake_{n}" for n in (1, 2)]
    write(root / "eurosat-test.txt", "\n".join(f"{name}.jpg" for name in names) + "\n")
    return root


def cvg_text(root: Path) -> Path:
    """120 test tiles on a line through New York, 48 m apart, five to train on, and two texts of single views."""
    names = [f"{40.7 + number * 0.00043:.6f},-74.0_2019-05_pano{number}_d90_z3.jpg" for number in range(125)]
    write(root / "annotation/NewYork/test.json", {name: f"a street with shop {name}" for name in names[:120]})
    write(root / "annotation/NewYork/train.json", {name: "another street" for name in names[120:]})
    photos = [f"{40.8 + number * 0.001:.6f},-74.0_front{number}.jpg" for number in range(2)]
    write(root / "annotation/NewYork-photos/test.json", {name: "a red door" for name in photos})
    for version, those in (("NewYork", names), ("NewYork-photos", photos)):
        for number, name in enumerate(those):
            for view in ("satellite", "OSM"):
                draw(root / f"{version}-{view}" / name, 1000 * (view == "OSM") + number, (4, 4))
    return root


def cross_view(root: Path) -> Path:
    """Two classes of five pictures from the ground and from above."""
    for place, view in enumerate(("ground", "satellite")):
        for kind in ("river", "ship"):
            for number in range(5):
                draw(root / f"{view}/{kind}/{number}.jpg", 100 * place + 10 * (kind == "ship") + number)
    return root

"""Loaders and encoders of four domains in miniature, on real files of plain numpy."""

from __future__ import annotations

import csv

import numpy as np

from fieldglass.types import Accepts, Item, Prepared, Problem, Sample
from galleries import unit

DIM = 16
OPTICAL, RADAR = ("B04", "B03", "B02"), ("VV", "VH")
_AXES = np.linalg.qr(np.random.default_rng(5).normal(size=(DIM, DIM)))[0]


class Tiles:
    """`*.s2.npy` (H, W, 3) reflectance and `*.s1.npy` (H, W, 2) dB; the scene is a group."""

    private = False

    def scan(self, root):
        for path in sorted(root.glob("*.npy")):
            sensor = path.name.split(".")[1]
            yield Item(path.name, (path.name,), metadata={"sensor": sensor}, groups={"scene": path.name.split(".")[0]})

    def read(self, items, root):
        for item in items:
            content = np.load(root / item.paths[0])
            if item.id.endswith("s2.npy"):
                yield Sample("image", content, OPTICAL, "reflectance")
            else:
                yield Sample("image", content, RADAR, "dB", spacing=(10.0, 10.0))

    def preview(self, sample):
        return np.repeat(np.clip(sample.content[..., :1] * 10, 0, 255), 3, axis=2).astype(np.uint8)


class TwoTowers:
    """Optical and radar towers of one space: both see how much of a tile is water (dark, smooth)."""

    name, fingerprint, dim, rows, dtype = "towers", "towers-1", DIM, 1, "f32"
    accepts = (
        Accepts("optical", "image", OPTICAL, "reflectance"),
        Accepts("radar", "image", RADAR, "dB"),
    )

    def prepare(self, sample):
        if sample.bands == OPTICAL:
            return Prepared(sample.content.mean(axis=(0, 1)).astype(np.float32), "optical")
        return Prepared(sample.content.mean(axis=(0, 1)).astype(np.float32), "radar")

    def images(self, batch):
        rows = []
        for each in batch:
            land = each.content.mean() / 0.4 if each.tower == "optical" else (each.content.mean() + 25) / 20
            rows.append(np.cos(land * np.pi) * _AXES[0] + np.sin(land * np.pi) * _AXES[1])
        return unit(rows)[:, None, :]


class Series:
    """One item per folder of slices: a volume with its spacing; the patient is a group."""

    private = False

    def scan(self, root):
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            paths = tuple(f"{folder.name}/{path.name}" for path in sorted(folder.glob("*.npy")))
            if not paths:
                yield Problem(folder.name, "series-empty", "A series without slices.")
                continue
            yield Item(folder.name, paths, {"slices": len(paths)}, groups={"patient": folder.name.split("-")[0]})

    def read(self, items, root):
        for item in items:
            volume = np.stack([np.load(root / path) for path in item.paths])[..., None]
            yield Sample("volume", volume, ("HU",), "HU", spacing=(5.0, 0.7, 0.7))

    def preview(self, sample):
        middle = sample.content[len(sample.content) // 2]
        return np.repeat(np.clip((middle + 1000) / 8, 0, 255), 3, axis=2).astype(np.uint8)


class Volumes:
    """A histogram of Hounsfield units, 16 bins."""

    name, fingerprint, dim, rows, dtype = "volumes", "volumes-1", DIM, 1, "f32"
    accepts = (Accepts("ct", "volume", ("HU",), "HU"),)

    def prepare(self, sample):
        counts = np.histogram(sample.content, bins=DIM, range=(-1000, 1000))[0]
        return Prepared(counts.astype(np.float32), "ct")

    def images(self, batch):
        return unit(np.stack([each.content for each in batch]) + 1e-3)[:, None, :]


class Places:
    """Rows of a CSV of names and coordinates: items without any file of their own."""

    private = False

    def scan(self, root):
        with root.open(newline="") as file:
            for row in csv.DictReader(file):
                at = {"lat": float(row["lat"]), "lon": float(row["lon"])}
                yield Item(row["name"], (), at, metadata={**at, "country": row["country"]})

    def read(self, items, root):
        for item in items:
            place = np.array([item.locator["lat"], item.locator["lon"]])
            yield Sample("place", place, (), "degrees")

    def preview(self, sample):
        return np.zeros((8, 8, 3), dtype=np.uint8)


class Patches:
    """Four rows per picture, the mean colours of its quarters, stored as f16; late interaction by their best."""

    name, fingerprint, dim, rows, dtype = "patches", "patches-1", DIM, 4, "f16"
    accepts = (Accepts("image", "image"), Accepts("text", "text", (), "unit"))

    def prepare(self, sample):
        picture = np.asarray(sample.content[..., :3], dtype=np.float32) / 255
        half, wide = (size // 2 for size in picture.shape[:2])
        parts = (picture[:half, :wide], picture[:half, wide:], picture[half:, :wide], picture[half:, wide:])
        return Prepared(np.stack([part.mean(axis=(0, 1)) for part in parts]), "image")

    def images(self, batch):
        return np.stack([unit(each.content @ _AXES[:3] + 1e-3) for each in batch])

    def texts(self, texts):
        named = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
        return unit(np.array([named[text] for text in texts], dtype=np.float32) @ _AXES[:3])

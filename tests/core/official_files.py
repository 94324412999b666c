"""Small files in the layout of the official ones, with real pictures drawn for them, for tests of the readers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

__all__ = ["cirr", "data", "draw", "fashioniq", "write"]


def data(*parts: str) -> Path:
    """A folder of the shared data; the test is skipped where there is none."""
    root = os.environ.get("FIELDGLASS_DATA")
    if not root or not Path(root, *parts).exists():
        pytest.skip(f"FIELDGLASS_DATA has no {'/'.join(parts)}")
    return Path(root, *parts)


def write(path: Path, content: Any) -> Path:
    """JSON, or text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def draw(path: Path, seed: int, size: tuple[int, int] = (24, 32)) -> None:
    """A picture of three coloured bands that depend on the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((*size, 3), dtype=np.uint8)
    for band, rows in enumerate(np.array_split(np.arange(size[0]), 3)):
        picture[rows] = np.random.default_rng([seed, band]).integers(0, 256, 3)
    Image.fromarray(picture).save(path)


def cirr(root: Path, *, split: str = "val", hidden: bool = False, pictures: bool = True) -> Path:
    """Two groups of six and four pairs."""
    names = [f"dev-{number}-0-img0" for number in range(12)]
    write(root / f"image_splits/split.rc2.{split}.json", {name: f"./dev/{name}.png" for name in names})
    pairs = []
    for number, (reference, target) in enumerate([(0, 1), (1, 4), (6, 7), (9, 11)]):
        members = names[:6] if reference < 6 else names[6:]
        pair = {"pairid": 100 + number, "reference": names[reference], "caption": f"make it red {number}"}
        pair["img_set"] = {"id": number, "members": members, "reference_rank": 0, "target_rank": 1}
        if not hidden:
            pair |= {"target_hard": names[target], "target_soft": {names[target]: 1.0}}
        pairs.append(pair)
    write(root / f"captions/cap.rc2.{split}.json", pairs)
    for number, name in enumerate(names if pictures else ()):
        draw(root / f"dev/{name}.png", number)
    return root


def fashioniq(root: Path) -> Path:
    """Four garments and two queries in each category; one garment is a shirt and a top."""
    for start, category in ((0, "dress"), (10, "shirt"), (13, "toptee")):
        names = [f"B{start + number:03d}" for number in range(4)]
        write(root / f"image_splits/split.{category}.val.json", names)
        rows = [
            {"candidate": names[0], "target": names[1], "captions": ["is red", "has dots"]},
            {"candidate": names[2], "target": names[3], "captions": ["is blue", ""]},
        ]
        write(root / f"captions/cap.{category}.val.json", rows)
        for number, name in enumerate(names):
            draw(root / "images" / f"{name}{'.png' if number else '.jpg'}", start + number)
    return root

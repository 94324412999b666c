"""What `mini` finds among real garments (FIELDGLASS_DATA/clothing, 341 photographs of 10 kinds)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Row
from fieldglass.encoders import encode
from fieldglass.encoders.mini import Mini
from fieldglass.types import Sample

WORDS = {"longsleeve": "long sleeve", "outwear": "outerwear"}  # as a person would type them
# The study that chose the setting: 713 photographs of the same source, half of them for the names.
STUDY = {"R@1": 0.776, "P@10": 0.704, "name P@10": 0.52, "name mAP": 0.44}
NAMED = ("name P@10", "name mAP")
SLACK = 0.06  # about two standard errors of a share over 341 photographs


def photographs(folder: Path, *, each: int | None = None) -> tuple[list[NDArray[np.uint8]], NDArray[np.str_]]:
    """The pictures, upright (H, W, 3) uint8, and their kinds; `each` takes only that many of a kind."""
    from PIL import Image, ImageOps

    kinds = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [path for kind in kinds for path in sorted(kind.iterdir())[:each]]
    pictures = [np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")) for path in files]
    return pictures, np.array([path.parent.name for path in files])


def encoded(mini: Mini, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(n, 1, 1664) as a collection stores them."""
    batches = (pictures[start : start + 32] for start in range(0, len(pictures), 32))
    return np.concatenate([encode(mini, [mini.prepare(Sample("image", one)) for one in batch]) for batch in batches])


def by_picture(queries: NDArray[np.float32], rows: NDArray[np.float32], kinds: NDArray[np.str_]) -> dict[str, float]:
    """Every photograph once as the query, itself left out."""
    scores = queries @ rows.T
    np.fill_diagonal(scores, -np.inf)
    right = kinds[np.argsort(-scores, axis=1, kind="stable")[:, :10]] == kinds[:, None]
    return {"R@1": float(right[:, 0].mean()), "P@10": float(right.mean())}


def halved(
    queries: NDArray[np.float32], rows: NDArray[np.float32], kinds: NDArray[np.str_], times: int = 20
) -> dict[str, float]:
    """The same on random halves of the gallery: the mean of `times`."""
    rng = np.random.default_rng(0)
    halves = [rng.permutation(len(kinds))[: len(kinds) // 2] for _ in range(times)]
    found = [by_picture(queries[half], rows[half], kinds[half]) for half in halves]
    return {key: float(np.mean([each[key] for each in found])) for key in found[0]}


def by_name(mini: Mini, rows: NDArray[np.float32], kinds: NDArray[np.str_]) -> dict[str, float]:
    """Every kind once as a text query; means over the kinds."""
    names = sorted(set(kinds))
    scores = mini.texts([WORDS.get(name, name) for name in names]) @ rows.T
    found = []
    for name, row in zip(names, scores, strict=True):
        right = (kinds == name)[np.argsort(-row, kind="stable")]
        ranks = np.flatnonzero(right) + 1
        found.append((right[:10].mean(), (np.arange(1, len(ranks) + 1) / ranks).mean()))
    precision, average = np.mean(found, axis=0)
    return {"name P@10": float(precision), "name mAP": float(average)}


def rows(quick: bool) -> list[Row]:
    """Four rows beside the figures of the study; one that says why, without the data."""
    data = os.environ.get("FIELDGLASS_DATA")
    if not data or not (Path(data) / "clothing").is_dir():
        return [Row("quality of `mini` on garments", "-", "not measured", None, "FIELDGLASS_DATA is not set")]
    pictures, kinds = photographs(Path(data) / "clothing", each=12 if quick else None)
    mini = Mini(device="cpu")
    vectors = encoded(mini, pictures)
    queries, stored = mini.as_query(vectors), vectors[:, 0]
    fewer = halved(queries, stored, kinds)
    found = []
    for key, value in (by_picture(queries, stored, kinds) | by_name(mini, stored, kinds)).items():
        how = "the name of its kind" if key.startswith("name") else "picture"
        note = f"{len(pictures)} photographs; study {STUDY[key]:.3f} on {357 if key in NAMED else 713}"
        if key in fewer:
            note += f"; grows with the gallery: {fewer[key]:.3f} on random halves"
        # ten neighbours of the same kind are harder to find in half the gallery: no bar for P@10 by picture
        bar = None if quick or key == "P@10" else STUDY[key] - SLACK
        found.append(
            Row(
                f"`mini`, garment by {how}, {key.removeprefix('name ')}",
                f">= {bar:.3f}" if bar else "-",
                f"{value:.3f}",
                value >= bar if bar else None,
                note,
            )
        )
    return found

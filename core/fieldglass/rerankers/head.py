"""What rerankers of vectors and pictures share: the descriptors of the first hits, and their new order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.types import Ranking

if TYPE_CHECKING:
    from fieldglass.types import F32, F64, I64, GalleryView, Probes

__all__ = ["descriptors", "pictured_field", "reordered"]


def pictured_field(probes: Probes) -> str:
    """The field that stands for the pictures: `image` where it is probed, else that of the first probe."""
    fields = [each.field for each in probes.probes]
    return "image" if "image" in fields else fields[0]


def descriptors(gallery: GalleryView, field: str, positions: I64) -> F32:
    """(m, dim) float32 of unit length: the mean row of each item; zeros where an item lacks the field."""
    rows = gallery.vectors(field, positions).astype(np.float32).mean(axis=1)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    found: F32 = rows / np.where(norms > 0, norms, 1.0)
    return found


def reordered(ranking: Ranking, keys: F64, scores: F64 | None = None, notes: tuple[str, ...] = ()) -> Ranking:
    """The first len(keys) hits from the largest key down, ties as they were; the hits after them untouched.

    `scores`, one for each key, are what is told of them; the keys themselves if None.
    """
    order = np.argsort(-keys, kind="stable")
    told = keys if scores is None else scores
    kept = slice(len(order), None)
    return Ranking(
        np.concatenate([ranking.positions[order], ranking.positions[kept]]),
        np.concatenate([told[order], ranking.scores[kept]]),
        ranking.exact,
        tuple(ranking.ids[place] for place in [*order, *range(len(order), len(ranking.ids))]) if ranking.ids else (),
        (*ranking.notes, *notes),
    )

"""Queries of two kinds with their true neighbours, by which an index finds its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.search.rows import Scratch, SegmentRows, reduced, similarities, windows
from fieldglass.search.top import Top

if TYPE_CHECKING:
    from fieldglass.interfaces import Index
    from fieldglass.search.rows import Rows
    from fieldglass.store import Snapshot
    from fieldglass.types import F32, I64

__all__ = ["neighbours", "picture_like", "text_like", "tune"]

QUERIES = 100
TEN = 10
NOISE = 0.3  # length of what a picture-like query is off its row
ALONG = 0.3  # cosine of a text-like query with its row: sentences lie far from pictures
SEED = 1


def tune(index: Index, snapshot: Snapshot, field: str, recall: float) -> None:
    """Let an index that can be tuned find its settings for both kinds, on rows of the field."""
    settle = getattr(index, "tune", None)
    if settle is None:
        return
    rows = SegmentRows(snapshot, field)
    there = np.flatnonzero(snapshot.present(field))
    random = np.random.default_rng(SEED)
    chosen = np.sort(random.choice(there, min(QUERIES, len(there)), replace=False))
    base = rows.gather(chosen)[:, random.integers(rows.rows)]
    kinds = {"picture": picture_like(base, random), "text": text_like(base, random)}
    settle({kind: (queries, neighbours(rows, there, queries, TEN)) for kind, queries in kinds.items()}, recall)


def picture_like(rows: F32, random: np.random.Generator) -> F32:
    """Rows (n, d), each moved a little: what a picture much like a stored one asks."""
    return _mixed(rows, random, 1.0, NOISE)


def text_like(rows: F32, random: np.random.Generator) -> F32:
    """Unit rows (n, d) far from all data, nearest to what their row is near to."""
    return _mixed(rows, random, ALONG, float(np.sqrt(1 - ALONG**2)))


def neighbours(rows: Rows, there: I64, queries: F32, k: int) -> I64:
    """(n, k) positions of the nearest of some items, best first, as a search scores them (all rows of an item)."""
    tops = [Top(k) for _ in queries]
    allowed = np.zeros(rows.size, dtype=np.bool_)
    allowed[there] = True
    scratch = Scratch()
    for low, high in windows([rows], 0, rows.size, len(queries)):
        scores = reduced(rows.window(low, high), queries, rows.reduce, scratch)
        for top, score in zip(tops, np.ascontiguousarray(scores.T), strict=True):
            hits = np.flatnonzero(score >= top.threshold)
            hits = hits[allowed[low + hits]]
            top.offer(low + hits, score[hits], score[hits])
    found = np.full((len(queries), k), -1, dtype=np.int64)
    for place, (top, query) in enumerate(zip(tops, queries, strict=True)):
        best = top.rows()
        exact = similarities(rows.gather(best), query, rows.reduce)
        best = best[np.argsort(-exact, kind="stable")][:k]
        found[place, : len(best)] = best
    return found


def _mixed(rows: F32, random: np.random.Generator, along: float, across: float) -> F32:
    length = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    other = random.standard_normal(rows.shape)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    mixed = along * rows / length + across * other
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), dtype=np.float32)

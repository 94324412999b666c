"""Hashes: a search of a million codes of 1024 bits on one core, and what signs lose against the vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.manifold import Manifold
from benchmarks.table import Row
from fieldglass.indexes.binary import Binary

__all__ = ["rows"]

DIM, QUERIES, TEN = 1024, 50, 10
BAR = 25.0  # milliseconds


def rows(quick: bool) -> Iterator[Row]:
    """Median time of single queries, and recall@10 of the signs alone and of their first 200 scored by vectors."""
    count = 100_000 if quick else 1_000_000
    made, index = Manifold(DIM), Binary()
    queries = made.pictures(QUERIES)
    best = np.full((QUERIES, TEN), -np.inf, dtype=np.float32)
    true = np.zeros((QUERIES, TEN), dtype=np.int64)
    start = 0
    for block in made.blocks(count):
        places = np.arange(start, start + len(block))
        index.add(places, block)
        scores = np.concatenate([best, queries @ block.T], axis=1)
        every = np.concatenate([true, np.broadcast_to(places, (QUERIES, len(block)))], axis=1)
        chosen = np.argpartition(-scores, TEN, axis=1)[:, :TEN]
        best, true = np.take_along_axis(scores, chosen, 1), np.take_along_axis(every, chosen, 1)
        start += len(block)
    spent, found = [], []
    for query in queries:
        began = time.process_time()  # of one thread: what else runs on the machine is left out
        found.append(index.candidates(query[None], 200, None)[0])
        spent.append(time.process_time() - began)
    middle = 1000 * float(np.median(spent))
    yield Row(
        f"{count:,} x {DIM} bits, one query, one core", f"< {BAR:.0f} ms at 1,000,000", f"{middle:.1f} ms",
        None if quick else middle < BAR, "faiss IndexBinaryFlat, 200 candidates",
    )  # fmt: skip
    for depth in (TEN, 200):
        share = np.mean([np.isin(mine, hits[:depth]).mean() for mine, hits in zip(true, found, strict=True)])
        yield Row(f"recall@10 of the vectors among the first {depth} by hash", "-", f"{share:.3f}", None)

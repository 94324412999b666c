"""Every row, compared with every query: no training, no loss."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import DamagedError
from fieldglass.indexes.files import read, write
from fieldglass.search.rows import ArrayRows, Scratch, products, windows
from fieldglass.search.top import Top

if TYPE_CHECKING:
    from fieldglass.types import F32, I64, Bitmap

__all__ = ["Exact"]


class Exact:
    """Keeps the vectors it is given, in memory.

    A collection needs none of this: its segments are scanned where they lie. It is the measure that
    other indexes are held against, and what to use where vectors come without a collection.
    """

    exact = True

    def __init__(self) -> None:
        self._rows = np.empty(0, dtype=np.int64)
        self._vectors: F32 = np.empty((0, 0), dtype=np.float32)

    def add(self, rows: I64, vectors: F32) -> None:
        """Rows (n,) and their vectors (n, dim)."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._rows = np.concatenate([self._rows, np.asarray(rows, dtype=np.int64)])
        self._vectors = np.concatenate([self._vectors, vectors]) if self._vectors.size else vectors.copy()

    def candidates(self, vectors: F32, k: int, allow: Bitmap | None) -> I64:
        """(n, k) rows, best first, -1 pads."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        found = np.full((len(vectors), k), -1, dtype=np.int64)
        if k == 0 or not len(self._rows):
            return found
        allowed = None if allow is None else allow[self._rows]
        held = ArrayRows(self._vectors)
        tops = [Top(k) for _ in vectors]
        scratch = Scratch()
        for low, high in windows([held], 0, held.size, len(vectors)):
            block = self._vectors[low:high]
            scores = products(block, vectors, scratch)
            for top, score in zip(tops, np.ascontiguousarray(scores.T), strict=True):
                hits = np.flatnonzero(score >= top.threshold)
                hits = hits if allowed is None else hits[allowed[low + hits]]
                top.offer(low + hits, score[hits], score[hits])
        for place, (top, vector) in enumerate(zip(tops, vectors, strict=True)):
            rows = top.rows()
            exact = (self._vectors[rows].astype(np.float64) * vector).sum(axis=1)
            best = self._rows[rows[np.lexsort((self._rows[rows], -exact))]][:k]
            found[place, : len(best)] = best
        return found

    def save(self, path: Path) -> None:
        """Write to one file, atomically."""
        write(path, {"kind": "exact", "shape": list(self._vectors.shape)}, [self._rows, self._vectors])

    def load(self, path: Path) -> Exact:
        """Read what `save` wrote. DamagedError where the file is not whole."""
        header, body = read(path, "exact")
        count, dim = header["shape"]
        if len(body) != count * 8 + count * dim * 4:
            raise DamagedError(f"{os.fspath(path)} holds {len(body)} bytes for {count} vectors of {dim}.")
        self._rows = np.frombuffer(body, dtype=np.int64, count=count)
        self._vectors = np.frombuffer(body, dtype=np.float32, offset=count * 8).reshape(count, dim)
        return self

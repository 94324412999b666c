"""The vectors of one field, as windows over the memory-mapped segments and as gathered rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fieldglass.store.codec import decode

if TYPE_CHECKING:
    from fieldglass.store import Snapshot
    from fieldglass.types import F32, F64, I64

__all__ = ["ArrayRows", "Rows", "Scratch", "SegmentRows", "products", "reduced", "similarities", "windows"]

ELEMENTS = 1 << 23  # decoded floats in one window: 32 MiB
SCORES = 1 << 21  # scores in one window: 8 MiB
FEW = 4  # up to so many vectors a matrix product is slower than one product each, from cache
CACHED = 1024  # rows of such a product


class Rows(Protocol):
    """Rows of (rows, dim) vectors by position; positions without any are gaps, or rows of zeros."""

    dim: int
    rows: int
    reduce: str
    size: int

    def edges(self) -> list[int]:
        """Positions at which a window must end to stay a view, sorted."""
        ...

    def window(self, start: int, stop: int) -> F32:
        """(stop - start, rows, dim) float32; a view where one segment of f32 covers it."""
        ...

    def gather(self, positions: I64) -> F32:
        """(n, rows, dim) float32."""
        ...


class SegmentRows:
    """Rows of a field of a snapshot."""

    def __init__(self, snapshot: Snapshot, field: str) -> None:
        self.field = snapshot.fields[field]
        self.dim, self.rows, self.reduce = self.field.dim, self.field.rows, self.field.reduce
        self.size = snapshot.size
        self._segments = sorted(snapshot.segments(field), key=lambda each: each.start)
        self._starts = np.array([each.start for each in self._segments], dtype=np.int64)

    def edges(self) -> list[int]:
        return sorted({edge for each in self._segments for edge in (each.start, each.start + each.count)})

    def window(self, start: int, stop: int) -> F32:
        parts = []
        at = start
        first = max(int(np.searchsorted(self._starts, start, side="right")) - 1, 0)
        for segment in self._segments[first:]:
            if segment.start >= stop:
                break
            low, high = max(at, segment.start), min(stop, segment.start + segment.count)
            if low >= high:
                continue
            if low > at:
                parts.append(np.zeros((low - at, self.rows, self.dim), dtype=np.float32))
            parts.append(decode(self.field, np.asarray(segment.array)[low - segment.start : high - segment.start]))
            at = high
        if at < stop or not parts:
            parts.append(np.zeros((stop - at, self.rows, self.dim), dtype=np.float32))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def gather(self, positions: I64) -> F32:
        owner = np.searchsorted(self._starts, positions, side="right") - 1
        numbers = owner[:1] if len(owner) and (owner == owner[0]).all() else np.unique(owner)
        found: F32 | None = None
        for number in numbers[numbers >= 0]:
            segment = self._segments[number]
            mine = np.flatnonzero((owner == number) & (positions < segment.start + segment.count))
            local = positions[mine] - segment.start
            if len(local) == len(positions):
                return decode(self.field, _take(segment.array, local))
            if found is None:
                found = np.zeros((len(positions), self.rows, self.dim), dtype=np.float32)
            found[mine] = decode(self.field, _take(segment.array, local))
        return np.zeros((len(positions), self.rows, self.dim), dtype=np.float32) if found is None else found


class ArrayRows:
    """Rows of an array in memory, (n, dim) or (n, rows, dim) float32."""

    def __init__(self, vectors: F32, reduce: str = "none") -> None:
        self._vectors = vectors[:, None, :] if vectors.ndim == 2 else vectors
        self.size, self.rows, self.dim = self._vectors.shape
        self.reduce = reduce

    def edges(self) -> list[int]:
        return [0, self.size]

    def window(self, start: int, stop: int) -> F32:
        return self._vectors[start:stop]

    def gather(self, positions: I64) -> F32:
        return self._vectors[positions]


def _take(array: F32, rows: I64) -> F32:
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return array[rows[0] : rows[-1] + 1]
    return np.asarray(array).take(rows, axis=0)


def windows(fields: Sequence[Rows], start: int, stop: int, vectors: int) -> Iterator[tuple[int, int]]:
    """(low, high) windows of [start, stop) that stay in cache and end where any field's segments end."""
    widest = max(each.rows * each.dim for each in fields)
    width = sum(each.rows for each in fields) * max(vectors, 1)
    step = max(256, min(ELEMENTS // widest, SCORES // width))
    edges = sorted({edge for each in fields for edge in each.edges() if start < edge < stop} | {start, stop})
    low = start
    for edge in edges[1:]:
        if edge - low < min(step, 4096) and edge != stop:  # many small segments share one copied window
            continue
        while low < edge:
            high = min(low + step, edge)
            yield low, high
            low = high


class Scratch:
    """Room for the scores of one window, used again for the next: fresh memory costs more than the product."""

    def __init__(self) -> None:
        self._room: F32 = np.empty(0, dtype=np.float32)

    def array(self, first: int, second: int) -> F32:
        """(first, second) float32, not cleared."""
        if first * second > len(self._room):
            self._room = np.empty(first * second, dtype=np.float32)
        return self._room[: first * second].reshape(first, second)


def products(block: F32, vectors: F32, scratch: Scratch) -> F32:
    """Inner products (b, m) of rows (b, d) with vectors (m, d); columns lie together where vectors are few."""
    count = len(block)
    if len(vectors) > FEW:
        return np.matmul(block, vectors.T, out=scratch.array(count, len(vectors)))
    found = scratch.array(len(vectors), count)
    step = CACHED if len(vectors) > 1 else max(count, 1)
    for low in range(0, count, step):
        high = min(low + step, count)
        for row, vector in enumerate(vectors):
            np.dot(block[low:high], vector, out=found[row, low:high])
    return found.T


def reduced(block: F32, vectors: F32, reduce: str, scratch: Scratch) -> F32:
    """Scores (b, m) of items (b, rows, d) against vectors (m, d): the best row, or the sum of the rows."""
    count, rows, dim = block.shape
    if rows == 1:
        return products(block[:, 0], vectors, scratch)
    every = products(np.ascontiguousarray(block).reshape(count * rows, dim), vectors, scratch)
    best = np.add if reduce == "sum" else np.maximum
    if len(vectors) > FEW:
        return np.asarray(best.reduce(every.reshape(count, rows, len(vectors)), axis=1))
    return np.asarray(best.reduce(every.T.reshape(len(vectors), count, rows), axis=2)).T


def similarities(block: F32 | F64, vector: F32, reduce: str) -> F64:
    """Scores (b,) float64 of items (b, rows, d): the same for a row whatever block it comes in."""
    # einsum sums each row by itself, without an array of the products; BLAS would group the rows
    found: F64 = np.einsum("brd,d->br", np.asarray(block, dtype=np.float64), np.asarray(vector, dtype=np.float64))
    if block.shape[1] == 1:
        return found[:, 0]
    return np.asarray(found.sum(axis=1) if reduce == "sum" else found.max(axis=1))

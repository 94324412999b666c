"""Mean and covariance of a field, exact, kept beside the segments and topped up with what is newer.

Stored are plain sums over every row that the segments held when they were made, dead ones included,
so that a reader needs only to add the new rows and to take off the dead ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.search.rows import Rows, SegmentRows, windows
from fieldglass.types import Moments

if TYPE_CHECKING:
    from fieldglass.store import Snapshot
    from fieldglass.types import F32, F64, I64

__all__ = ["Sums", "load_sums", "moments", "save_sums"]

BLOCK = 8192


@dataclass(frozen=True)
class Sums:
    """Sum (d,) and sum of outer products (d, d), float64, of the mean rows at positions [0, covered)."""

    covered: int
    first: F64
    second: F64

    @staticmethod
    def empty(dim: int) -> Sums:
        """No rows yet."""
        return Sums(0, np.zeros(dim), np.zeros((dim, dim)))

    def extended(self, rows: Rows, stop: int) -> Sums:
        """With the rows at [covered, stop) as well."""
        first, second = self.first.copy(), self.second.copy()
        for low, high in windows([rows], self.covered, stop, 1):
            for start in range(low, high, BLOCK):
                block = mean_rows(rows.window(start, min(start + BLOCK, high)))
                first += block.sum(axis=0)
                second += block.T @ block
        return Sums(max(stop, self.covered), first, second)

    def without(self, rows: Rows, positions: I64) -> Sums:
        """Less the rows at some positions, sorted."""
        first, second = _gathered(rows, positions)
        return Sums(self.covered, self.first - first, self.second - second)

    @staticmethod
    def among(rows: Rows, positions: I64) -> Sums:
        """Of the rows at some positions alone."""
        return Sums(0, *_gathered(rows, positions))

    def moments(self, count: int) -> Moments:
        """Of `count` rows; zero variance where fewer than two."""
        mean = self.first / max(count, 1)
        covariance = (self.second - count * np.outer(mean, mean)) / max(count - 1, 1)
        return Moments(count, mean, covariance if count > 1 else np.zeros_like(covariance))


def _gathered(rows: Rows, positions: I64) -> tuple[F64, F64]:
    first, second = np.zeros(rows.dim), np.zeros((rows.dim, rows.dim))
    for start in range(0, len(positions), BLOCK):
        block = mean_rows(rows.gather(positions[start : start + BLOCK]))
        first += block.sum(axis=0)
        second += block.T @ block
    return first, second


def mean_rows(block: F32) -> F64:
    """Items (b, rows, d) -> (b, d) float64: the row itself, or the mean of several."""
    wide = block.astype(np.float64)
    return wide[:, 0] if block.shape[1] == 1 else np.asarray(wide.mean(axis=1))


def moments(snapshot: Snapshot, field: str) -> Moments:
    """Of the live rows of a field (of the mean row where it has several), from the stored sums where they are good."""
    rows = SegmentRows(snapshot, field)
    sums = load_sums(snapshot, field) or Sums.empty(rows.dim)
    sums = sums.extended(rows, snapshot.size).without(rows, snapshot.dead)
    return sums.moments(int(np.count_nonzero(snapshot.present(field))))


def name(field: str) -> str:
    """The derived file of a field."""
    return f"{field}.moments"


def save_sums(sums: Sums, path: Path) -> None:
    """One .npy of (d + 1, d) float64: the sum, then the sum of outer products."""
    with path.open("wb") as file:
        np.save(file, np.vstack([sums.first, sums.second]), allow_pickle=False)


def load_sums(snapshot: Snapshot, field: str) -> Sums | None:
    """The stored sums, or None where there are none, or they are of other positions or of another shape."""
    found = snapshot.derived(name(field))
    if found is None:
        return None
    path, meta = found
    if not stamped(snapshot, field, meta):
        return None
    table = np.load(path, allow_pickle=False)
    dim = snapshot.fields[field].dim
    if table.shape != (dim + 1, dim) or table.dtype != np.float64:
        return None
    return Sums(int(meta["covered"]), table[0], table[1:])


def stamp(snapshot: Snapshot, field: str, covered: int) -> dict[str, Any]:
    """What a derived file is good for: these positions of this field's vectors."""
    return {**_same(snapshot, field), "covered": covered}


def stamped(snapshot: Snapshot, field: str, meta: dict[str, Any]) -> bool:
    """Whether a derived file still speaks of the rows of this snapshot."""
    same = all(meta.get(name) == value for name, value in _same(snapshot, field).items())
    return same and int(meta.get("covered", -1)) <= snapshot.size


def _same(snapshot: Snapshot, field: str) -> dict[str, Any]:
    """What must not change: positions, the encoder, and vectors at old positions (`Writer.fill`)."""
    fingerprint = snapshot.fields[field].fingerprint
    return {"epoch": snapshot.epoch, "fingerprint": fingerprint, "revision": snapshot.revisions[field]}

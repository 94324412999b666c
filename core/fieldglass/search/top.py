"""The best rows of one query so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import I64

    Scores = NDArray[np.floating]

__all__ = ["Top"]

SLACK = 32


class Top:
    """Keeps every row that may still be among the k best, given a lower and an upper bound of its score.

    Scores of a scan are float32 and rounded; the bounds make sure that the float64 scoring of what is
    left decides, so that an answer depends neither on the size of a batch nor on the order of rows.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self.threshold = -np.inf
        self._rows: list[I64] = []
        self._low: list[Scores] = []
        self._high: list[Scores] = []
        self._count = 0

    def offer(self, rows: I64, low: Scores, high: Scores) -> None:
        """Rows (m,) with bounds (m,) of their scores."""
        if len(rows) == 0:
            return
        self._rows.append(rows)
        self._low.append(low)
        self._high.append(high)
        self._count += len(rows)
        first = self._count >= self.k and self.threshold == -np.inf
        if first or self._count >= self.k + max(SLACK, self.k // 2):
            self._trim()

    def rows(self) -> I64:
        """The rows left, sorted."""
        if not self._count:
            return np.empty(0, dtype=np.int64)
        self._trim()
        return np.sort(self._rows[0])

    def _trim(self) -> None:
        rows, low, high = np.concatenate(self._rows), np.concatenate(self._low), np.concatenate(self._high)
        if len(rows) >= self.k:
            kth = np.partition(low, len(low) - self.k)[len(low) - self.k]
            self.threshold = max(self.threshold, float(kth))
            keep = high >= self.threshold
            rows, low, high = rows[keep], low[keep], high[keep]
        self._rows, self._low, self._high, self._count = [rows], [low], [high], len(rows)

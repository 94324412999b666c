"""Micro average precision: the predictions of all queries in one list, ordered by their confidence."""

from __future__ import annotations

from array import array

import numpy as np

from fieldglass.errors import UsageError

__all__ = ["MicroAP"]


class MicroAP:
    """Streamed: 16 bytes a prediction. Global AP of Google Landmarks and micro-AP of image copy detection.

    (1 / M) * sum over i of P(i) * rel(i), where M is the number of relevant (query, item) pairs there are. Equal
    confidences are one threshold, as in scikit-learn; NaN is the lowest confidence.
    """

    def __init__(self) -> None:
        self._scores = array("d")
        self._right = array("b")
        self._positives = 0

    def add(self, score: float, right: bool) -> None:
        """One prediction."""
        self._scores.append(score)
        self._right.append(bool(right))

    def expect(self, positives: int) -> None:
        """So many relevant pairs more, whether predicted or not."""
        self._positives += positives

    def value(self) -> float:
        """0 where nothing is relevant. UsageError where more was right than was expected."""
        scores = np.nan_to_num(np.array(self._scores), nan=-np.inf)
        right = np.array(self._right, dtype=np.bool_)
        if right.sum() > self._positives:
            raise UsageError(f"{int(right.sum())} predictions are right, but only {self._positives} were expected.")
        if not self._positives or not len(scores):
            return 0.0
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
        hits = np.cumsum(right[order])[ends].astype(np.float64)
        gained = np.diff(hits, prepend=0.0)
        return float((gained * hits / (ends + 1.0)).sum() / self._positives)

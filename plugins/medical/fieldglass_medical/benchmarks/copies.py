"""Metrics of re-identification: predictions of all queries in one list, ties against the prediction."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["pooled_metrics"]


def pooled_metrics(predictions: Iterable[tuple[str, float, bool]], positives: int) -> dict[str, float]:
    """uAP, acc@1 and R@P90, in percent, of (query, score, right); `positives` pairs are right, predicted or not.

    Predictions are ordered by score, and among equal scores the wrong ones come first (image similarity challenge).
    uAP = sum of precision x gain of recall over that list. acc@1: right pairs that are first of their query, a tie
    counting against them, over `positives`. R@P90: the largest recall at which precision is 0.9 or more.
    """
    given = list(predictions)
    if not given or not positives:
        return {"uAP": 0.0, "acc@1": 0.0, "R@P90": 0.0}
    scores = np.array([score for _, score, _ in given], dtype=np.float64)
    right = np.array([each for _, _, each in given], dtype=np.bool_)
    order = np.lexsort((right, -scores))
    hits = np.cumsum(right[order])
    precisions = hits / np.arange(1, len(given) + 1)
    good = precisions >= 0.9
    best: dict[str, tuple[float, bool]] = {}
    for query, score, is_right in given:
        known = best.get(query)
        if known is None or score > known[0]:
            best[query] = (score, is_right)
        elif score == known[0]:
            best[query] = (score, False)
    return {
        "uAP": 100 * float((precisions * right[order]).sum() / positives),
        "acc@1": 100 * sum(is_right for _, is_right in best.values()) / positives,
        "R@P90": 100 * float(hits[good].max() / positives) if good.any() else 0.0,
    }

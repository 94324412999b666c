"""Normalised discounted cumulative gain of one query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fieldglass.types import F64

__all__ = ["ndcg"]


def ndcg(gains: ArrayLike, all_gains: ArrayLike | None = None, k: int | None = None) -> float:
    """nDCG@k: sum of gain / log2(rank + 2) over the first k, divided by that of the best order.

    :param gains: (n,) gain of each retrieved item, best ranked first; linear, as in scikit-learn and trec_eval.
    :param all_gains: the gains of all items, retrieved or not; those of the retrieved ones where None. INQUIRE
        (arXiv 2411.02537) counts the positives that were not retrieved as placed last: list them here.

    0 where nothing has a gain.
    """
    got = np.asarray(gains, dtype=np.float64)
    best = np.sort(got if all_gains is None else np.asarray(all_gains, dtype=np.float64))[::-1]
    ideal = _discounted(best, k)
    return _discounted(got, k) / ideal if ideal > 0 else 0.0


def _discounted(gains: F64, k: int | None) -> float:
    kept = gains[:k]
    return float((kept / np.log2(np.arange(2, len(kept) + 2))).sum())

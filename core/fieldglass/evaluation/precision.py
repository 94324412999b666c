"""Recall, precision and average precision of one query, from the ranks of its relevant items.

`ranks` are those of `hit_ranks`; `positives` counts all relevant items, retrieved or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.types import I64

__all__ = [
    "average_precision",
    "hit_at",
    "precision_at",
    "precision_within",
    "recall_at",
    "reciprocal_rank",
    "trapezoid_ap",
]


def hit_at(ranks: I64, k: int) -> float:
    """1.0 where a relevant item is among the first k: the recall@k of benchmarks with one target.

    FashionIQ, CIRR, GeneCIS. No relevant item retrieved, or k larger than the gallery, is nothing special.
    """
    first = _positive(k)
    return float(len(ranks) > 0 and int(ranks[0]) < first)


def recall_at(ranks: I64, positives: int, k: int) -> float:
    """The share of all relevant items that is among the first k (ImageNet-R after Pic2Word); 0 without any."""
    return float(np.searchsorted(ranks, _positive(k)) / positives) if positives else 0.0


def precision_at(ranks: I64, k: int) -> float:
    """Relevant items among the first k, over k, also where fewer than k were retrieved."""
    return float(np.searchsorted(ranks, _positive(k)) / k)


def precision_within(ranks: I64, k: int) -> float:
    """Precision at min(k, rank of the last retrieved positive): the mP@k of revisited Oxford and Paris."""
    return precision_at(ranks, min(_positive(k), int(ranks[-1]) + 1)) if len(ranks) else 0.0


def reciprocal_rank(ranks: I64) -> float:
    """One over the 1-based rank of the first relevant item, 0 where none was retrieved."""
    return 1.0 / (int(ranks[0]) + 1) if len(ranks) else 0.0


def average_precision(
    ranks: I64, positives: int, k: int | None = None, *, denominator: Literal["reachable", "positives"] = "reachable"
) -> float:
    """The mean of the precision at each relevant item, over the first k or the whole ranking.

    AP@k = (1 / D) * sum over i <= k of P@i * rel(i). D is min(k, positives) with "reachable" (CIRCO, arXiv
    2303.15247; ILIAS, arXiv 2502.11748; INQUIRE, arXiv 2411.02537, whose AP of the hits times hits/min(k, n) is
    the same number) and all of them with "positives" (trec_eval). 0 without positives; ROxford skips such a query
    instead, which is the benchmark's affair.
    """
    if denominator not in ("reachable", "positives"):
        raise UsageError(f"denominator is 'reachable' or 'positives', not {denominator!r}.")
    if not positives:
        return 0.0
    kept = ranks if k is None else ranks[: np.searchsorted(ranks, _positive(k))]
    precisions = np.arange(1, len(kept) + 1) / (kept + 1.0)
    whole = positives if k is None or denominator == "positives" else min(k, positives)
    return float(precisions.sum() / whole)


def trapezoid_ap(ranks: I64, positives: int, *, epsilon: float = 0.0) -> float:
    """AP as the area under the precision-recall curve by trapezoids (revisited Oxford and Paris, arXiv 1803.11285).

    (1 / n) * sum over j of (p_before + p_here) / 2 with p_here = (j + 1) / (r_j + 1) and p_before = j / r_j, or 1
    where r_j is 0. FreeDom and i-CIR divide by n + 1e-5: `epsilon`. 0 without positives.
    """
    if not positives:
        return 0.0
    count = np.arange(len(ranks), dtype=np.float64)
    here = (count + 1) / (ranks + 1.0)
    before = np.where(ranks == 0, 1.0, count / np.maximum(ranks, 1))
    return float((before + here).sum() / 2 / (positives + epsilon))


def _positive(k: int) -> int:
    if k < 1:
        raise UsageError(f"k is a number of hits, 1 or more, not {k}.")
    return k

"""Metrics of retrieval by class, as the study of MedMNIST defines them (arXiv 2409.09430 and its code)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fieldglass.metrics import Tally

__all__ = ["add_class_metrics"]


def add_class_metrics(tally: Tally, query: str, label: str, found: Sequence[str], k: int = 5) -> None:
    """mAP@k, mMV@k and ACC@1, 3, 5 of one query, from the labels of its hits.

    AP@k is the mean of the precisions at the right hits among the first k, over their number (not over all that are
    right in the gallery); 0 without any. mMV@k is 1 where the label has the most of the first k hits, also where
    another has as many. ACC@k is 1 where one of the first k is right.
    """
    first = list(found[:k])
    right = [place for place, each in enumerate(first) if each == label]
    precisions = [(number + 1) / (place + 1) for number, place in enumerate(right)]
    tally.add(f"mAP@{k}", query, sum(precisions) / len(precisions) if precisions else 0.0)
    votes = Counter(first)
    tally.add(f"mMV@{k}", query, float(bool(first) and votes[label] == max(votes.values())))
    for at in (1, 3, 5):
        tally.add(f"ACC@{at}", query, float(label in found[:at]))

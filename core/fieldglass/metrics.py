"""Retrieval metrics by the definitions of the papers; each formula and its source is with its function.

ranks = hit_ranks(["d", "b", "a"], {"a", "b"})
average_precision(ranks, positives=2)
"""

from __future__ import annotations

from fieldglass.evaluation.both_ways import BothWays
from fieldglass.evaluation.gains import ndcg
from fieldglass.evaluation.pooled import MicroAP
from fieldglass.evaluation.precision import (
    average_precision,
    hit_at,
    precision_at,
    precision_within,
    recall_at,
    reciprocal_rank,
    trapezoid_ap,
)
from fieldglass.evaluation.ranks import hit_ranks, ranks_from_scores
from fieldglass.evaluation.retrieval_rank import nmrr
from fieldglass.evaluation.rounds import best_ranks, bri, hits_by_round
from fieldglass.evaluation.significance import Difference, bootstrap, compare
from fieldglass.evaluation.tally import Tally

__all__ = [
    "BothWays",
    "Difference",
    "MicroAP",
    "Tally",
    "average_precision",
    "best_ranks",
    "bootstrap",
    "bri",
    "compare",
    "hit_at",
    "hit_ranks",
    "hits_by_round",
    "ndcg",
    "nmrr",
    "precision_at",
    "precision_within",
    "ranks_from_scores",
    "recall_at",
    "reciprocal_rank",
    "trapezoid_ap",
]

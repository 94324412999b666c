"""Metrics of a dialogue, from the rank of its target after every round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fieldglass.types import F64, I64

__all__ = ["best_ranks", "bri", "hits_by_round"]


def best_ranks(ranks: ArrayLike) -> I64:
    """(..., rounds) 0-based ranks -> the best so far. UsageError without rounds or below 0."""
    found = np.asarray(ranks, dtype=np.int64)
    if found.ndim == 0 or found.shape[-1] == 0 or (found < 0).any():
        raise UsageError("Ranks of a dialogue are 0-based, one for each round, and at least one.")
    return np.asarray(np.minimum.accumulate(found, axis=-1), dtype=np.int64)


def hits_by_round(ranks: ArrayLike, k: int) -> F64:
    """(dialogues, rounds) -> (rounds,): the share whose target was in the first k at that round or before.

    ChatIR (arXiv 2305.20062): a dialogue ends when its image was found.
    """
    return np.asarray((best_ranks(ranks) < k).mean(axis=0), dtype=np.float64)


def bri(ranks: ArrayLike) -> float:
    """Best log rank integral of one dialogue (PlugIR, arXiv 2406.03411); lower is better, 0 is the least.

    With B_t the best 1-based rank up to round t: (1 / T) * sum over t of (ln B_t + ln B_t+1) / 2. A dialogue of one
    round has nothing to integrate, and gives ln B_0.
    """
    logs = np.log(best_ranks(np.asarray(ranks).reshape(-1)) + 1.0)
    return float(logs[0]) if len(logs) == 1 else float(((logs[:-1] + logs[1:]) / 2).mean())

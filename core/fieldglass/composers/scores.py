"""Ways in which the scores of several probes become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.types import F64, I64, ProbeScores

__all__ = ["clamped_product", "percentile", "plain_product", "rank", "weighted_percentiles", "weighted_z"]


def weighted_z(scores: tuple[ProbeScores, ...]) -> F64:
    """Weighted sum of z-scores (m,); 0 where all scores of a probe are equal."""
    total = np.zeros(np.shape(scores[0].values))
    for probe in scores:
        total += probe.weight * probe.z
    return total


def clamped_product(scores: tuple[ProbeScores, ...]) -> F64:
    """Product (m,) of the scores, each clamped at 0 (two negatives make no positive) and to the power of its weight."""
    total = np.ones(np.shape(scores[0].values))
    for probe in scores:
        total *= np.maximum(probe.values, 0.0) ** probe.weight
    return total


def plain_product(scores: tuple[ProbeScores, ...]) -> F64:
    """Product (m,) of the scores as they are."""
    return np.asarray(np.prod([probe.values for probe in scores], axis=0), dtype=np.float64)


def weighted_percentiles(scores: tuple[ProbeScores, ...]) -> F64:
    """Weighted sum of percentile ranks (m,); one half where an item lacks the field."""
    total = np.zeros(len(scores[0].values))
    for probe in scores:
        found = np.full(len(probe.values), 0.5)
        found[probe.present] = percentile(probe.values[probe.present])
        total += probe.weight * found
    return total


def percentile(values: F64) -> F64:
    """(m,) -> (rank - 1/2) / m, 0 to 1, best highest; equal values share the mean of their ranks."""
    below, equal = _places(values)
    return np.asarray((below + equal / 2) / max(len(values), 1), dtype=np.float64)


def rank(values: F64) -> F64:
    """(m,) -> rank from 1, best first; equal values share the best of their ranks."""
    return np.asarray(_places(-values)[0] + 1, dtype=np.float64)


def _places(values: F64) -> tuple[I64, I64]:
    """(m,) -> how many values are below each, and how many are equal to it (itself included)."""
    order = np.argsort(values)
    ascending = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]])) if len(values) else order
    counts = np.diff(np.append(starts, len(values)))
    below, equal = np.empty_like(order), np.empty_like(order)
    below[order], equal[order] = np.repeat(starts, counts), np.repeat(counts, counts)
    return below, equal

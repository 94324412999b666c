"""What an index is asked for: directions whose nearest rows hold the hits of a fusion."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.search.plan import Part, Plan
    from fieldglass.types import F32, F64

__all__ = ["directions"]

ANGLES = np.radians([0.0, 22.5, 45.0, 67.5, 90.0])


def directions(plan: Plan, query: int, field: str) -> F32:
    """(m, d) float32 unit rows to search one field with.

    A linear fusion is its own direction. Otherwise the union of each probe's nearest misses a third of
    the true hits, so the calibrated probes z1, z2 are mixed as (cos a) z1 + (sin a) z2, a = 0 to 90
    degrees in five steps; of more than two probes, each pair.
    """
    parts = [part for part in plan.parts if part.field == field]
    if plan.fusion.needs == "linear":
        return _unit(np.stack([part.vectors[query].astype(np.float64) for part in parts]))
    axes = [_axis(part, query) for part in parts if part.weight]
    if len(axes) < 2:
        return _unit(np.stack(axes or [_axis(part, query) for part in parts]))
    mixed = {}
    for first, second in combinations(range(len(axes)), 2):
        for angle in ANGLES:
            share = np.zeros(len(axes))
            share[first], share[second] = np.cos(angle).round(12), np.sin(angle).round(12)
            mixed[tuple(share)] = share @ np.stack(axes)
    return _unit(np.stack(list(mixed.values())))


def _axis(part: Part, query: int) -> F64:
    std = float(part.std[query])
    sign = -1.0 if part.weight < 0 else 1.0
    return np.asarray(part.vectors[query].astype(np.float64) * (sign / (std if std > 0 else 1.0)))


def _unit(rows: F64) -> F32:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    keep = norms[:, 0] > 0  # two probes may cancel at some angle
    return np.asarray(rows[keep] / norms[keep], dtype=np.float32)

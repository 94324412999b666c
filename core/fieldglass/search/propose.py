"""What an index is asked for: directions whose nearest rows hold the hits of a fusion."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.search.plan import Part, Plan
    from fieldglass.types import F32, F64

__all__ = ["directions"]

ANGLES = np.radians([0.0, 22.5, 45.0, 67.5, 90.0])
PAIRED = 4  # so many probes are mixed by pairs; the pairs of thirty would be thousands of directions
HEIGHTS = (0.0, 1.0, 2.0, 3.0)  # standard deviations above the mean, where hits may lie
MIDDLE = 1
STEP = 0.05


def directions(plan: Plan, query: int, field: str) -> F32:
    """(m, d) float32 unit rows to search one field with.

    A linear fusion is its own direction. Otherwise the union of each probe's nearest misses a third of
    the true hits, so the calibrated probes z1, z2 are mixed as (cos a) z1 + (sin a) z2, a = 0 to 90
    degrees in five steps; of three or four probes, each pair. Of more, by what a small rise of each adds to
    the fused score, at four heights: the way in which it rises the most, that way mixed with each, and pairs of those
    that add the most.
    """
    parts = [part for part in plan.parts if part.field == field]
    if plan.fusion.needs == "linear":
        return _unit(np.stack([part.vectors[query].astype(np.float64) for part in parts]))
    axes = [_axis(part, query) for part in parts if part.weight]
    if len(axes) < 2:
        return _unit(np.stack(axes or [_axis(part, query) for part in parts]))
    mixed = {}
    chosen = list(range(len(axes)))
    if len(axes) > PAIRED:
        rises = _rises(plan, query, field)
        mixed = {tuple(rise): rise @ np.stack(axes) for rise in rises if rise.any()}
        length = np.linalg.norm(rises[MIDDLE])
        for place, angle in product(range(len(axes)) if length > 0 else (), ANGLES[1:3]):
            share = np.cos(angle) * rises[MIDDLE] / length
            share[place] += np.sin(angle)
            mixed[tuple(share)] = share @ np.stack(axes)
        chosen = sorted(np.argsort(-rises.max(axis=0), kind="stable")[:PAIRED].tolist())
    for first, second in combinations(chosen, 2):
        for angle in ANGLES:
            share = np.zeros(len(axes))
            share[first], share[second] = np.cos(angle).round(12), np.sin(angle).round(12)
            mixed[tuple(share)] = share @ np.stack(axes)
    return _unit(np.stack(list(mixed.values())))


def _rises(plan: Plan, query: int, field: str) -> F64:
    """(heights, axes) what the fused score gains as the weighted probes of a field rise, each by as much, all alike."""
    moving = [number for number, part in enumerate(plan.parts) if part.field == field and part.weight]
    count = len(moving) + 1
    values = []
    for number, part in enumerate(plan.parts):
        z = np.repeat(HEIGHTS, count).reshape(len(HEIGHTS), count)
        if number in moving:
            z[:, moving.index(number)] += STEP
        way = -1.0 if part.weight < 0 else 1.0
        values.append((float(part.mean[query]) + way * float(part.std[query]) * z).ravel())
    fused = plan.combine(query, values, [np.ones(len(values[0]), dtype=np.bool_)] * len(values))
    table = fused.reshape(len(HEIGHTS), count)
    return np.maximum(table[:, :-1] - table[:, -1:], 0.0)


def _axis(part: Part, query: int) -> F64:
    std = float(part.std[query])
    sign = -1.0 if part.weight < 0 else 1.0
    return np.asarray(part.vectors[query].astype(np.float64) * (sign / (std if std > 0 else 1.0)))


def _unit(rows: F64) -> F32:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    keep = norms[:, 0] > 0  # two probes may cancel at some angle
    return np.asarray(rows[keep] / norms[keep], dtype=np.float32)

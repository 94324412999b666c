"""What the score of each probe must reach for an item to be among the best, whatever the others say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldglass.search.plan import Plan
    from fieldglass.types import F32, F64, I64, Bitmap

__all__ = ["Bounds", "limits", "reaching"]

SPAN = 12.0  # standard deviations to each side, where a bound is looked for
POINTS = 257
FEW, FEWER_POINTS = 4, 97  # of more probes each bounds little, and the grids are what costs
BEST = 1e3  # standard deviations: better than any score


class Bounds:
    """The limits of one query, found anew when its threshold rises.

    So a scan runs the fusion on a handful of rows instead of on all. `slack` is what float32 may
    have cost each score.
    """

    def __init__(self, plan: Plan, query: int, slack: Sequence[float]) -> None:
        self.plan = plan
        self.query = query
        self.slack = list(slack)
        self._threshold = -np.inf
        self._limits: list[F64] | None = None

    def survivors(self, threshold: float, values: Sequence[F32], there: Sequence[Bitmap | None]) -> I64:
        """Places of the rows that may reach the threshold; `there` None where every item has the field."""
        if threshold > self._threshold:
            self._threshold = threshold
            slack = [np.array([each]) for each in self.slack]
            self._limits = limits(self.plan, np.array([self.query]), np.array([threshold]), slack)
        if self._limits is None:
            return np.arange(len(values[0]))
        rows = [value[None] for value in values]
        return np.flatnonzero(reaching(self.plan, np.array([self.query]), self._limits, rows, there))


def limits(plan: Plan, queries: I64, thresholds: F64, slack: Sequence[F64]) -> list[F64]:
    """Per part, the least scores (n,) with which thresholds (n,) of the fused score are in reach, by its monotony.

    The greatest where the weight is negative; infinite where any score will do. The fusion is run once, on a grid for
    each part beside the best scores of all others.
    """
    if plan.single:
        return [thresholds - slack[0]]
    ways = [-1.0 if part.weight < 0 else 1.0 for part in plan.parts]
    line = np.linspace(-SPAN, SPAN, POINTS if len(ways) <= FEW else FEWER_POINTS)
    grids, values = [], []
    for number, (part, way) in enumerate(zip(plan.parts, ways, strict=True)):
        mean, std = part.mean[queries, None], part.std[queries, None]
        grids.append(mean + way * std * line)
        value = np.empty((len(queries), len(ways), len(line)))
        value[:] = (mean + np.sign(part.weight) * BEST * std)[:, :, None]
        value[:, number] = grids[number]
        values.append(value)
    fused = plan.combine(queries[:, None, None], values, [np.ones(1, dtype=np.bool_)] * len(ways))
    enough = fused >= thresholds[:, None, None]
    found = []
    for number, (part, way) in enumerate(zip(plan.parts, ways, strict=True)):
        mine = enough[:, number]
        first = np.where(mine.any(axis=1), mine.argmax(axis=1), len(line))
        least = np.take_along_axis(grids[number], np.maximum(first - 1, 0)[:, None], axis=1)[:, 0]
        any_will_do = (first == 0) | (part.std[queries] == 0) | (part.weight == 0)
        found.append(np.where(any_will_do, -way * np.inf, least - way * slack[number]))
    return found


def reaching(
    plan: Plan, queries: I64, limits: Sequence[F64], values: Sequence[F32], there: Sequence[Bitmap | None]
) -> Bitmap:
    """(n, m) bool: which rows have scores (n, m) of every part within its limits; a lacking one counts as the mean."""
    mask: Bitmap | None = None
    for part, value, has, limit in zip(plan.parts, values, there, limits, strict=True):
        column, mean = limit[:, None].astype(value.dtype), part.mean[queries, None]
        mine = value <= column if part.weight < 0 else value >= column
        if has is not None:
            mine = np.where(has, mine, mean <= limit[:, None] if part.weight < 0 else mean >= limit[:, None])
        mask = mine if mask is None else mask & mine
    if mask is None:
        raise ValueError("a plan has one part at least")
    return mask

"""What the score of each probe must reach for an item to be among the best, whatever the others say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldglass.search.plan import Plan
    from fieldglass.types import F32, F64, I64, Bitmap

__all__ = ["Bounds"]

SPAN = 12.0  # standard deviations to each side, where a bound is looked for
POINTS = 257
FEW, FEWER_POINTS = 4, 97  # of more probes each bounds little, and the grids are what costs
BEST = 1e3  # standard deviations: better than any score


class Bounds:
    """Turns the threshold of a fused score into one bound per probe, by the fusion's monotony.

    So a scan runs the fusion on a handful of rows instead of on all. `slack` is what float32 may
    have cost each score.
    """

    def __init__(self, plan: Plan, query: int, slack: Sequence[float]) -> None:
        self.plan = plan
        self.query = query
        self.slack = list(slack)
        self._threshold = -np.inf
        self._limits: list[float | None] = [None] * len(plan.parts)

    def moved(self, values: list[F64], way: int) -> list[F64]:
        """The scores, each as bad (-1) or as good (+1) as rounding may have hidden."""
        return [
            value + way * np.sign(part.weight) * slack
            for part, value, slack in zip(self.plan.parts, values, self.slack, strict=True)
        ]

    def survivors(self, threshold: float, values: Sequence[F32], there: Sequence[Bitmap | None]) -> I64:
        """Places of the rows that may reach the threshold; `there` None where every item has the field."""
        if threshold > self._threshold:
            self._threshold = threshold
            self._limits = self._found(threshold)
        mask: Bitmap | None = None
        for part, value, has, limit in zip(self.plan.parts, values, there, self._limits, strict=True):
            if limit is None:
                continue
            mine = value >= limit if part.weight > 0 else value <= limit
            mean = float(part.mean[self.query])
            if has is not None and (mean >= limit if part.weight > 0 else mean <= limit):
                mine |= ~has
            elif has is not None:
                mine &= has
            mask = mine if mask is None else mask & mine
        return np.arange(len(values[0])) if mask is None else np.flatnonzero(mask)

    def _found(self, threshold: float) -> list[float | None]:
        """Per part the least score with which the threshold is in reach; None where any score will do.

        The fusion is run once, on a grid for each part beside the best scores of all others.
        """
        ways = [1.0 if part.weight > 0 else -1.0 for part in self.plan.parts]
        means = [float(part.mean[self.query]) for part in self.plan.parts]
        stds = [float(part.std[self.query]) for part in self.plan.parts]
        moving = [number for number, part in enumerate(self.plan.parts) if part.weight and stds[number]]
        points = POINTS if len(moving) <= FEW else FEWER_POINTS
        grids = {n: means[n] + ways[n] * stds[n] * np.linspace(-SPAN, SPAN, points) for n in moving}
        values = []
        for number, part in enumerate(self.plan.parts):
            value = np.full((len(moving), points), means[number] + np.sign(part.weight) * BEST * stds[number])
            if number in grids:
                value[moving.index(number)] = grids[number]
            values.append(value.ravel())
        if not moving:
            return [None] * len(ways)
        fused = self.plan.combine(self.query, values, [np.ones(len(values[0]), dtype=np.bool_)] * len(values))
        limits: list[float | None] = [None] * len(ways)
        for number, enough in zip(moving, (fused >= threshold).reshape(len(moving), points), strict=True):
            if not enough[0]:
                first = int(np.argmax(enough)) if enough.any() else points
                limits[number] = float(grids[number][first - 1]) - ways[number] * self.slack[number]
        return limits

"""Many queries over few rows, all scores of which fit in memory: no step but the products is taken query by query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.search.bounds import limits, reaching
from fieldglass.search.rows import Scratch, similarities, windows
from fieldglass.types import Ranking

if TYPE_CHECKING:
    from fieldglass.search.execute import Executor
    from fieldglass.search.scope import Scope
    from fieldglass.types import F32, F64, I64, Bitmap

__all__ = ["together"]

CACHED = 1 << 18  # scores of each part that are looked through at a time: 1 MiB
GATHERED = 1 << 18  # numbers that are gathered and widened at a time: they stay in cache


def together(
    execute: Executor, queries: Sequence[int], scopes: Sequence[Scope], low: int, high: int, k: int
) -> Iterator[tuple[int, Ranking]]:
    """The k best of [low, high) for each query, whose scope lies in it: the answers of a scan, to the last bit.

    `scopes` are those of all queries of the plan. The fusion needs no more than moments.
    """
    scores = _products(execute, queries, low, high)
    there = [None if each is None else each[low:high] for each in execute.presence()]
    step = max(1, CACHED // max(1, high - low))
    for start in range(0, len(queries), step):
        mine = np.array(queries[start : start + step], dtype=np.int64)
        few = _Few(execute, mine, [each[start : start + step] for each in scores], there, execute.slack(mine))
        owners, places = few.candidates(np.stack([scopes[query].allowed[low:high] for query in mine]), k)
        yield from few.ranked(owners, low + places, k)


def _products(execute: Executor, queries: Sequence[int], low: int, high: int) -> list[F32]:
    """Per part, the scores (queries, high - low)."""
    whole = [np.empty((len(queries), high - low), dtype=np.float32) for _ in execute.plan.parts]
    scratches = {field: Scratch() for field in execute.rows}
    for first, last in windows(list(execute.rows.values()), low, high, len(queries) * len(whole)):
        for found, scores in zip(whole, execute.window(queries, first, last, scratches), strict=True):
            found[:, first - low : last - low] = scores.T
    return whole


@dataclass(frozen=True)
class _Few:
    """Some queries (n,) and, per part, their scores (n, m), which items have its field, and what float32 may hide.

    A candidate is a place among the m rows and its owner: whose it is, a place among the n queries.
    """

    execute: Executor
    queries: I64
    scores: Sequence[F32]
    there: Sequence[Bitmap | None]
    slack: Sequence[F64]

    def candidates(self, allowed: Bitmap, k: int) -> tuple[I64, I64]:
        """Owners and places (c,), sorted, of the allowed rows (n, m) that may reach what k of their query do reach."""
        thresholds = np.full(len(self.queries), -np.inf)
        if k < allowed.shape[1]:
            plan = self.execute.plan
            likely = self.execute.likeliest(self.queries, self.scores, allowed, k)
            least = self._fused(np.repeat(np.arange(len(likely)), likely.shape[1]), likely.ravel(), -1)
            least = least.reshape(likely.shape)
            least[~np.take_along_axis(allowed, likely, axis=1)] = -np.inf
            thresholds = np.partition(least, -k, axis=1)[:, -k]
            needed = limits(plan, self.queries, thresholds, self.slack)
            allowed = allowed & reaching(plan, self.queries, needed, self.scores, self.there)
        owners, places = np.nonzero(allowed)
        keep = self._fused(owners, places, +1) >= thresholds[owners]
        return owners[keep], places[keep]

    def ranked(self, owners: I64, positions: I64, k: int) -> Iterator[tuple[int, Ranking]]:
        """The k best of each query by their scores in float64; ties as in a scan."""
        starts = np.searchsorted(owners, np.arange(len(self.queries) + 1))
        scores, height = self._exact(owners, positions, starts)
        order = np.lexsort((positions, -height, -scores, owners))
        for query, start, stop in zip(self.queries.tolist(), starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            mine = order[start : min(stop, start + k)]
            yield query, Ranking(positions[mine], scores[mine], exact=True)

    def _fused(self, owners: I64, places: I64, way: int) -> F64:
        """The fused scores (c,) of candidates, as bad (-1) or as good (+1) as rounding may have hidden."""
        plan, whose = self.execute.plan, self.queries[owners]
        present = [np.ones(len(places), dtype=np.bool_) if has is None else has[places] for has in self.there]
        values = [value[owners, places].astype(np.float64) for value in self.scores]
        off = [each[owners] for each in self.slack]
        return plan.combine(whose, plan.moved(plan.filled(whose, values, present), off, way), present)

    def _exact(self, owners: I64, positions: I64, starts: I64) -> tuple[F64, F64]:
        """Score and height (c,) of the candidates, as `Executor.exact` gives them for one query."""
        execute, plan = self.execute, self.execute.plan
        values = [np.empty(len(positions)) for _ in plan.parts]
        room = GATHERED // max(rows.rows * rows.dim for rows in execute.rows.values())
        first = 0
        while first < len(self.queries):
            last = max(first + 1, int(np.searchsorted(starts, starts[first] + room, side="right")) - 1)
            begin, end = starts[first], starts[last]
            blocks = {
                field: rows.gather(positions[begin:end]).astype(np.float64) for field, rows in execute.rows.items()
            }
            for found, part in zip(values, plan.parts, strict=True):
                for number in range(first, last):
                    mine = slice(starts[number], starts[number + 1])
                    block = blocks[part.field][mine.start - begin : mine.stop - begin]
                    vector = part.vectors[self.queries[number]]
                    found[mine] = similarities(block, vector, execute.rows[part.field].reduce) + part.bias
            first = last
        whose, there = self.queries[owners], execute.there(positions)
        filled = plan.filled(whose, values, there)
        return plan.combine(whose, filled, there), plan.height(whose, filled)

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
        allowed = np.stack([scopes[query].allowed[low:high] for query in mine])
        found = _Candidates.of(execute, mine, [each[start : start + step] for each in scores], there, allowed, k)
        yield from found.ranked(execute, low, k)


def _products(execute: Executor, queries: Sequence[int], low: int, high: int) -> list[F32]:
    """Per part, the scores (queries, high - low)."""
    whole = [np.empty((len(queries), high - low), dtype=np.float32) for _ in execute.plan.parts]
    scratches = {field: Scratch() for field in execute.rows}
    for first, last in windows(list(execute.rows.values()), low, high, len(queries) * len(whole)):
        for found, scores in zip(whole, execute.window(queries, first, last, scratches), strict=True):
            found[:, first - low : last - low] = scores.T
    return whole


def _fused(
    execute: Executor,
    queries: I64,
    scores: Sequence[F32],
    there: Sequence[Bitmap | None],
    owners: I64,
    places: I64,
    slack: Sequence[F64],
    way: int,
) -> F64:
    """The fused scores (m,) of rows and whose they are, as bad (-1) or as good (+1) as rounding may have hidden."""
    whose = queries[owners]
    present = [np.ones(len(places), dtype=np.bool_) if has is None else has[places] for has in there]
    filled = [
        np.where(has, value[owners, places], part.mean[whose])
        for part, value, has in zip(execute.plan.parts, scores, present, strict=True)
    ]
    return execute.plan.combine(whose, execute.plan.moved(filled, [each[owners] for each in slack], way), present)


@dataclass(frozen=True)
class _Candidates:
    """Rows that may be among the best of some queries, ordered by query: `places` (m,) and whose they are (m,)."""

    queries: I64
    owners: I64
    places: I64

    @staticmethod
    def of(
        execute: Executor,
        queries: I64,
        scores: Sequence[F32],
        there: Sequence[Bitmap | None],
        allowed: Bitmap,
        k: int,
    ) -> _Candidates:
        """Those whose score may reach what k rows of their query reach for certain, whatever float32 has cost."""
        plan, slack = execute.plan, execute.slack(queries)
        if k < allowed.shape[1]:
            likely = execute.likeliest(queries, scores, allowed, k)
            owners = np.repeat(np.arange(len(queries)), likely.shape[1])
            least = _fused(execute, queries, scores, there, owners, likely.ravel(), slack, -1).reshape(likely.shape)
            least[~np.take_along_axis(allowed, likely, axis=1)] = -np.inf
            ordered: F64 = np.partition(least, -k, axis=1)
            thresholds = ordered[:, -k]
            allowed = allowed & reaching(plan, queries, limits(plan, queries, thresholds, slack), scores, there)
        else:
            thresholds = np.full(len(queries), -np.inf)
        owners, places = np.nonzero(allowed)
        best = _fused(execute, queries, scores, there, owners, places, slack, +1)
        keep = best >= thresholds[owners]
        return _Candidates(queries, owners[keep], places[keep])

    def ranked(self, execute: Executor, low: int, k: int) -> Iterator[tuple[int, Ranking]]:
        """The k best of each query by their scores in float64; ties as in a scan."""
        positions = low + self.places
        starts = np.searchsorted(self.owners, np.arange(len(self.queries) + 1))
        scores, height = self._exact(execute, positions, starts)
        order = np.lexsort((positions, -height, -scores, self.owners))
        for query, start, stop in zip(self.queries.tolist(), starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            mine = order[start : min(stop, start + k)]
            yield query, Ranking(positions[mine], scores[mine], exact=True)

    def _exact(self, execute: Executor, positions: I64, starts: I64) -> tuple[F64, F64]:
        """Score and height of every candidate, as `Executor.exact` gives them for one query."""
        parts = execute.plan.parts
        values = [np.empty(len(positions)) for _ in parts]
        room = GATHERED // max(rows.rows * rows.dim for rows in execute.rows.values())
        first = 0
        while first < len(self.queries):
            last = max(first + 1, int(np.searchsorted(starts, starts[first] + room, side="right")) - 1)
            span = positions[starts[first] : starts[last]]
            blocks = {field: rows.gather(span).astype(np.float64) for field, rows in execute.rows.items()}
            for found, part in zip(values, parts, strict=True):
                block, reduce = blocks[part.field], execute.rows[part.field].reduce
                for number in range(first, last):
                    start, stop = starts[number], starts[number + 1]
                    rows = block[start - starts[first] : stop - starts[first]]
                    found[start:stop] = similarities(rows, part.vectors[self.queries[number]], reduce)
            first = last
        whose = self.queries[self.owners]
        there = execute.there(positions)
        filled = [
            value + part.bias if has.all() else np.where(has, value + part.bias, part.mean[whose])
            for part, value, has in zip(parts, values, there, strict=True)
        ]
        return execute.plan.combine(whose, filled, there), execute.plan.height(whose, filled)

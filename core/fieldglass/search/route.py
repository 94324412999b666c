"""Decides how each query is answered (few rows gathered, a scan, or an index) and answers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.search.execute import Executor
from fieldglass.search.propose import directions
from fieldglass.search.scope import GATHER
from fieldglass.search.together import together
from fieldglass.search.top import Top
from fieldglass.types import Ranking

if TYPE_CHECKING:
    from fieldglass.search.indexed import Ready
    from fieldglass.search.plan import Plan
    from fieldglass.search.scope import Scope
    from fieldglass.search.view import View
    from fieldglass.types import F64, I64

__all__ = ["Searcher"]

EMPTY = Ranking(np.empty(0, dtype=np.int64), np.empty(0))
FUSED = 2  # times the candidates, per direction, where a fusion ranks them otherwise than the direction does
MANY, SPARSE = 8, 8  # so many queries are answered together, unless they allow less than one row in so many
FULL = 0.99  # of the rows of an index allowed: it is asked without a bitmap, and the rest dropped from its answer


class Searcher:
    """Answers the queries of one plan over one snapshot.

    Candidates come from an index where there is one; scores always come from the segments.
    """

    def __init__(self, view: View, plan: Plan, ready: Ready) -> None:
        self.view = view
        self.plan = plan
        self.ready = ready
        self.execute = Executor(view, plan)

    def search(self, scopes: Sequence[Scope], k: int) -> list[Ranking]:
        """One ranking per query, best first; ties go to the higher z-scores, then to the earlier item."""
        rankings: list[Ranking] = [EMPTY] * self.plan.count
        scanned: list[int] = []
        whole: list[int] = []
        gathered: list[int] = []
        for query, scope in enumerate(scopes):
            if k == 0 or scope.count == 0:
                continue
            if self.ready.usable(k, scope):
                rankings[query] = self._indexed(query, scope, k)
                if len(rankings[query].positions) < min(k, scope.count):
                    scanned.append(query)
            elif self.plan.fusion.needs == "scores":
                whole.append(query)
            elif scope.rows is not None:
                gathered.append(query)
            else:
                scanned.append(query)
        for query, there, scores in self._over_all(whole):
            keep = scopes[query].allowed[there]
            flat = np.zeros(np.count_nonzero(keep))
            rankings[query] = _best(there[keep], scores[keep], flat, k, exact=True)
        known = {query: rows for query in gathered if (rows := scopes[query].rows) is not None}
        for query, ranking in chain(self._scanned(scanned, scopes, 0, self.view.size, k), self._few(known, scopes, k)):
            rankings[query] = ranking
        return rankings

    def _scanned(
        self, queries: Sequence[int], scopes: Sequence[Scope], low: int, high: int, k: int
    ) -> Iterator[tuple[int, Ranking]]:
        """Queries answered by a pass over the rows of [low, high)."""
        if len(queries) >= MANY and high - low <= GATHER:
            yield from together(self.execute, queries, scopes, low, high, k)
            return
        tops = {query: Top(k) for query in queries}
        self.execute.scan(tops, scopes, low, high)
        for query, top in tops.items():
            yield query, self._ranked(query, top.rows(), k)

    def _few(self, rows: Mapping[int, I64], scopes: Sequence[Scope], k: int) -> Iterator[tuple[int, Ranking]]:
        """Queries whose few rows are known: gathered, or scanned together where many ask in one place."""
        if len(rows) >= MANY:
            low, high = (int(end(each[place] for each in rows.values())) for end, place in ((min, 0), (max, -1)))
            if sum(map(len, rows.values())) * SPARSE >= (high + 1 - low) * len(rows):
                yield from self._scanned(list(rows), scopes, low, high + 1, k)
                return
        for query, mine in rows.items():
            top = Top(k)
            self.execute.gather(query, top, mine)
            yield query, self._ranked(query, top.rows(), k)

    def only(self, query: int) -> Searcher:
        """For one of the queries alone."""
        return Searcher(self.view, self.plan.only(query), self.ready)

    def over_all(self, query: int) -> tuple[I64, F64]:
        """Every item that has a probed field, and its score: what a fusion that needs all scores sees."""
        _, there, scores = next(self._over_all([query]))
        return there, scores

    def _over_all(self, queries: Sequence[int]) -> Iterator[tuple[int, I64, F64]]:
        if not queries:
            return
        there = np.flatnonzero(self.view.present_any(self.plan.fields))
        for start in range(0, len(queries), self.execute.together):
            mine = queries[start : start + self.execute.together]
            for query, (values, has) in zip(mine, self.execute.every(mine, there), strict=True):
                yield query, there, self.plan.combine(query, values, has)

    def _ranked(self, query: int, positions: I64, k: int, *, exact: bool = True) -> Ranking:
        scores, height = self.execute.exact(query, positions)
        return _best(positions, scores, height, k, exact=exact)

    def _indexed(self, query: int, scope: Scope, k: int) -> Ranking:
        """Candidates from the indexes, the rows they do not cover yet by a scan, scores from the segments."""
        more = 1 if self.plan.fusion.needs == "linear" else FUSED
        listed = []
        for field in self.plan.fields:
            asked = directions(self.plan, query, field)
            bitmap = None if scope.count >= FULL * self.ready.rows(field) else scope.allowed
            listed.append(self.ready.index(field).candidates(asked, more * self.ready.depth(field, k), bitmap))
        rows = np.unique(np.concatenate([each.ravel() for each in listed]))
        rows = rows[rows >= 0]
        rows = rows[scope.allowed[rows]]
        covered = min(self.ready.covered(field) for field in self.plan.fields)
        if self.plan.fusion.needs == "scores":
            tail = np.arange(covered, self.view.size)
            return self._ranked(query, np.union1d(rows, tail[scope.allowed[tail]]), k, exact=False)
        top = Top(k)
        self.execute.scan({query: top}, {query: scope}, covered, self.view.size)
        self.execute.gather(query, top, rows[rows < covered])
        return self._ranked(query, top.rows(), k, exact=False)


def _best(positions: I64, scores: F64, height: F64, k: int, *, exact: bool) -> Ranking:
    if len(scores) > k:
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = scores >= kth
        positions, scores, height = positions[keep], scores[keep], height[keep]
    order = np.lexsort((positions, -height, -scores))[:k]
    return Ranking(positions[order], scores[order], exact)

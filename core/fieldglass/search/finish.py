"""What is done to a ranking before it is shown: a least score, one hit per group, another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import PluginError
from fieldglass.types import Ranking

if TYPE_CHECKING:
    from fieldglass.interfaces import Reranker
    from fieldglass.search.plan import Plan
    from fieldglass.search.route import Searcher
    from fieldglass.search.scope import Scope
    from fieldglass.search.view import View
    from fieldglass.types import GalleryView, Probes, Query

__all__ = ["collapsed", "enough", "lacking", "reranked"]


def enough(ranking: Ranking, min_score: float | None) -> Ranking:
    """The hits that score at least so much."""
    if min_score is None:
        return ranking
    keep = ranking.scores >= min_score
    return Ranking(ranking.positions[keep], ranking.scores[keep], ranking.exact)


def collapsed(searcher: Searcher, scope: Scope, query: int, k: int, group: str) -> Ranking:
    """The k best groups, each by its best item; an item without the group is a group of its own."""
    depth = 4 * k
    alone = searcher.only(query)
    while True:
        ranking = alone.search([scope], depth)[0]
        seen: set[str] = set()
        keep: list[int] = []
        for place, value in enumerate(searcher.view.snapshot.group(group, ranking.positions)):
            if value is None or value not in seen:
                keep.append(place)
            if value is not None:
                seen.add(value)
        if len(keep) >= k or depth >= scope.count:
            return Ranking(ranking.positions[keep[:k]], ranking.scores[keep[:k]], ranking.exact)
        depth *= 4


def reranked(rerank: Reranker, query: Query, probes: Probes, ranking: Ranking, view: GalleryView) -> Ranking:
    """The ranking in the reranker's order. PluginError where hits or scores were lost, added or doubled."""
    if not len(ranking.positions):
        return ranking
    named = Ranking(ranking.positions, ranking.scores, ranking.exact, tuple(view.ids(ranking.positions)))
    found = rerank.rerank(query, probes, named, view)
    if len(found.scores) != len(found.positions) or not np.array_equal(
        np.sort(found.positions), np.sort(ranking.positions)
    ):
        raise PluginError(
            f"The reranker {type(rerank).__name__} must return the {len(ranking.positions)} hits it was given, "
            f"in another order; it returned {len(found.positions)} with {len(found.scores)} scores."
        )
    return Ranking(np.asarray(found.positions, dtype=np.int64), np.asarray(found.scores, dtype=np.float64), found.exact)


def lacking(view: View, plan: Plan) -> list[str]:
    """Which of several fields some items lack, and what stands in."""
    if len(plan.fields) < 2:
        return []
    some = int(np.count_nonzero(view.present_any(plan.fields)))
    counts = {field: some - int(np.count_nonzero(view.present(field))) for field in plan.fields}
    return [
        f"{count} items lack the field {field!r}: they count as average there."
        for field, count in counts.items()
        if count
    ]

"""What is done to a ranking before it is shown: a least score, one hit per group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.search.augment import AUGMENTED
from fieldglass.types import Ranking

if TYPE_CHECKING:
    from fieldglass.search.plan import Plan
    from fieldglass.search.route import Searcher
    from fieldglass.search.scope import Scope
    from fieldglass.search.view import View

__all__ = ["behind", "collapsed", "enough", "lacking"]


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


def behind(view: View, plan: Plan) -> list[str]:
    """Augmented fields that lack items of their base: those are not found."""
    notes = []
    for name in plan.fields:
        origin = view.snapshot.fields[name].origin
        base = origin.removeprefix(AUGMENTED).split(" ")[0]
        if origin.startswith(AUGMENTED) and base in view.snapshot.fields:
            count = int(np.count_nonzero(view.present(base) & ~view.present(name)))
            if count:
                notes.append(
                    f"{count} items of {base!r} are not in {name!r} and are not found: bring it up to date by "
                    "`fieldglass augment`."
                )
    return notes


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

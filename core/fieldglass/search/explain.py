"""Why an item stands where it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.normal import normal_cdf
from fieldglass.errors import QueryError

if TYPE_CHECKING:
    from fieldglass.search.route import Searcher
    from fieldglass.search.scope import Scope
    from fieldglass.types import GalleryView, Ranking

__all__ = ["Explanation", "Part", "explanation", "moved"]

NEAR = 1e-4  # of the score: so near the item's own, float64 decides who is above


@dataclass(frozen=True)
class Part:
    """What one probe gave: its raw score, where that lies among all items, and its part of the fused score.

    `calibrated` is the share of a normal distribution below `z`; both are None where the fusion is a
    plain inner product, or all scores are equal. `contribution` is the fused score less what it would
    be with this probe at its mean. `present` is False where the item lacks the field: the mean stood in.
    """

    label: str
    field: str
    score: float
    mean: float | None
    std: float | None
    z: float | None
    calibrated: float | None
    weight: float
    contribution: float
    present: bool


@dataclass(frozen=True)
class Explanation:
    """Rank (from 1) and score of one item for one query, part by part. `rank` is None where the filter bars it.

    `rank` and `score` are those before a reranker; `reranked` is the rank after it, and `reranked_score` the score
    that it gave, None where it did not see the item.
    """

    id: str
    rank: int | None
    score: float
    composer: str
    fusion: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    reranker: str = ""
    reranked: int | None = None
    reranked_score: float | None = None


def explanation(searcher: Searcher, scope: Scope, id: str, composer: str, notes: tuple[str, ...]) -> Explanation:
    """Of one item, for the one query of a searcher. QueryError where there is no such item, or it has no vector."""
    plan = searcher.plan
    position = searcher.view.positions([id])
    if position[0] < 0:
        raise QueryError(f"There is no item {id!r} in this collection.")
    if not searcher.view.present_any(plan.fields)[position[0]]:
        raise QueryError(f"Item {id!r} has no vector in {', '.join(plan.fields)}.")
    rank, score = _rank(searcher, scope, int(position[0]))
    values, there = searcher.execute.parts(0, position)
    fused = plan.combine(0, values, there)[0]
    parts = []
    for number, (part, value, has) in enumerate(zip(plan.parts, values, there, strict=True)):
        mean, std = float(part.mean[0]), float(part.std[0])
        z = (float(value[0]) - mean) / std if std > 0 and not plan.single else None
        without = [np.array([mean]) if other == number else each for other, each in enumerate(values)]
        parts.append(
            Part(
                label=part.label,
                field=part.field,
                score=float(value[0]),
                mean=None if plan.single else mean,
                std=None if plan.single else std,
                z=z,
                calibrated=None if z is None else float(normal_cdf(np.array([z]))[0]),
                weight=part.weight,
                contribution=score if plan.single else float(fused - plan.combine(0, without, there)[0]),
                present=bool(has[0]),
            )
        )
    shown = rank if scope.allowed[position[0]] else None
    return Explanation(id, shown, score, composer, plan.fusion.name, tuple(parts), notes)


def moved(found: Explanation, before: Ranking, after: Ranking, reranker: str, gallery: GalleryView) -> Explanation:
    """The explanation with what a reranker did, from the hits it was given and the hits it gave."""
    there = np.flatnonzero(after.positions == gallery.positions([found.id])[0])
    notes = (*found.notes, *after.notes)
    if not after.reranked:
        return replace(found, notes=notes)
    if not len(there):
        seen = f"The reranker {reranker} saw the first {len(before.positions)} hits alone: this item keeps its place."
        return replace(found, reranker=reranker, reranked=found.rank, notes=(*notes, seen))
    score = float(after.scores[there[0]])
    return replace(found, reranker=reranker, reranked=int(there[0]) + 1, reranked_score=score, notes=notes)


def _rank(searcher: Searcher, scope: Scope, position: int) -> tuple[int, float]:
    positions, scores = searcher.over_all(0)
    own = float(scores[np.searchsorted(positions, position)])
    keep = scope.allowed[positions]
    positions, scores = positions[keep], scores[keep]
    if searcher.plan.fusion.needs == "scores":
        ahead = (scores > own) | ((scores == own) & (positions < position))
        return 1 + int(np.count_nonzero(ahead)), own
    margin = NEAR * max(abs(own), 1.0)
    near = positions[np.abs(scores - own) <= margin]
    exact, height = searcher.execute.exact(0, np.append(near, position))
    own_score, own_height = exact[-1], height[-1]
    keys = np.stack([exact[:-1] - own_score, height[:-1] - own_height, position - near])
    first = np.where(keys[0] != 0, keys[0], np.where(keys[1] != 0, keys[1], keys[2]))
    above = np.count_nonzero(scores > own + margin) + np.count_nonzero(first > 0)
    return 1 + int(above), float(own_score)

"""Hits of a higher level: the items of one study, series or patient as one hit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.asking import Question
    from fieldglass.collection import Collection
    from fieldglass.result import Hit, SearchResult

__all__ = ["LEVELS", "How", "of_level"]

LEVELS = ("item", "series", "study", "patient")
How = Literal["best", "mean"]
_POOL = 5  # the groups whose mean is taken, for each hit that is wanted


def of_level(
    collection: Collection, question: Question, level: str, how: How, *, k: int, **options: Any
) -> SearchResult:
    """The `k` best groups of a level, each shown by its best item.

    "best" scores a group by that item. "mean" scores it by the mean over all its items that may be hits, among the
    5 k groups with the best items; a note says so where there are more. `options` are those of `Collection.answer`.
    """
    if level == "item":
        return collection.answer([question], k=k, **options)[0]
    if level not in LEVELS:
        raise UsageError(f"There is no level {level!r}.", hint=f"Levels: {', '.join(LEVELS)}.")
    options["collapse"] = level
    if how == "best":
        return collection.answer([question], k=k, **options)[0]
    pool = collection.answer([question], k=_POOL * k, **options)[0]
    means = _means(collection, question, level, pool, options)
    order = sorted(range(len(pool)), key=lambda place: (-means[place][0], pool[place].id))[:k]
    hits = tuple(
        replace(pool[at], rank=rank, score=means[at][0], metadata={**pool[at].metadata, "averaged": means[at][1]})
        for rank, at in enumerate(order, 1)
    )
    notes = (f"scores are means over the items of each {level}",)
    if len(pool) == _POOL * k:
        notes += (f"means were taken of the {len(pool)} with the best items",)
    return replace(pool, hits=hits, notes=(*pool.notes, *notes))


def _means(
    collection: Collection, question: Question, level: str, pool: SearchResult, options: dict[str, Any]
) -> list[tuple[float, int]]:
    """Mean score and number of items of the group of each hit; an item without the group is alone."""
    snapshot = collection.store.snapshot()
    members: set[str] = {hit.id for hit in pool}
    for hit in pool:
        if level in hit.metadata:
            members |= set(snapshot.ids(snapshot.members(level, str(hit.metadata[level]))))
    only = frozenset(members) if question.query.only is None else question.query.only & members
    asked = replace(question, query=replace(question.query, only=only))
    plain = {name: value for name, value in options.items() if name not in ("collapse", "min_score")}
    scores: dict[str, list[float]] = {}
    for hit in collection.answer([asked], k=len(only), **plain)[0] if only else ():
        scores.setdefault(_name(hit, level), []).append(hit.score)
    found = [scores.get(_name(hit, level), [hit.score]) for hit in pool]
    return [(float(np.mean(each)), len(each)) for each in found]


def _name(hit: Hit, level: str) -> str:
    return f"={hit.metadata[level]}" if level in hit.metadata else f"-{hit.id}"

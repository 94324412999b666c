"""Another order for the first hits: which reranker, how deep it sees, and what it must not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import EndpointError, PluginError, UsageError
from fieldglass.parallel import each
from fieldglass.registry import registry
from fieldglass.types import Probe, Probes, Ranking

if TYPE_CHECKING:
    from fieldglass.interfaces import Reranker
    from fieldglass.types import GalleryView, Query

__all__ = ["Reranking"]


class Reranking:
    """A reranker under the name it was asked by; `given` is an object, a name with its options, or None.

    Where the endpoint that it asks is down, hits keep their order with a note, unless it is `required`.
    """

    def __init__(
        self, given: str | Reranker | None, options: Mapping[str, Any] | None = None, *, required: bool = False
    ) -> None:
        self.required = required
        if options and not isinstance(given, str):
            raise UsageError(
                "Options of a reranker go with its name.", hint="Give --rerank NAME; `fieldglass list rerankers`."
            )
        self.by: Reranker | None
        if isinstance(given, str):
            self.by, self.name = registry().create("rerankers", given, options), given
        else:
            self.by, self.name = given, "" if given is None else type(given).__name__

    @classmethod
    def of(
        cls,
        given: str | Reranker | Reranking | None,
        options: Mapping[str, Any] | None = None,
        *,
        required: bool = False,
    ) -> Reranking:
        """One that was made before as it is, so that what its reranker holds is kept; else a new one."""
        return given if isinstance(given, Reranking) else cls(given, options, required=required)

    def __bool__(self) -> bool:
        return self.by is not None

    def depth(self, k: int) -> int:
        """How many hits to search for where k are wanted."""
        return max(k, getattr(self.by, "depth", 100)) if self.by is not None and k else k

    def all(
        self, queries: Sequence[Query], probes: Probes, rankings: Sequence[Ranking], k: int, view: GalleryView
    ) -> list[Ranking]:
        """The rankings in their new order, cut to k; as they are without a reranker."""
        if self.by is None:
            return list(rankings)

        def reordered(number: int) -> Ranking:
            found = self.one(queries[number], row_of(probes, number), rankings[number], view)
            return replace(found, positions=found.positions[:k], scores=found.scores[:k])

        return each(reordered, range(len(queries)), getattr(self.by, "threads", 1))

    def one(self, query: Query, probes: Probes, ranking: Ranking, view: GalleryView) -> Ranking:
        """One ranking in its new order. PluginError where hits or scores were lost, added or doubled."""
        if self.by is None or not len(ranking.positions):
            return ranking
        named = Ranking(ranking.positions, ranking.scores, ranking.exact, tuple(view.ids(ranking.positions)))
        try:
            found = self.by.rerank(query, probes, named, view)
        except EndpointError as error:
            if self.required:
                raise
            return replace(ranking, notes=(*ranking.notes, f"Not re-ranked: {error.message}"), reranked=False)
        if len(found.scores) != len(found.positions) or not np.array_equal(
            np.sort(found.positions), np.sort(ranking.positions)
        ):
            raise PluginError(
                f"The reranker {self.name} must return the {len(ranking.positions)} hits it was given, "
                f"in another order; it returned {len(found.positions)} with {len(found.scores)} scores."
            )
        return Ranking(
            np.asarray(found.positions, dtype=np.int64),
            np.asarray(found.scores, dtype=np.float64),
            found.exact,
            notes=tuple(found.notes),
            reranked=found.reranked,
        )


def row_of(probes: Probes, query: int) -> Probes:
    """The probes of one query among several."""
    one = slice(query, query + 1)
    return Probes(
        tuple(Probe(each.field, each.vectors[one], each.weight, each.bias, each.label) for each in probes.probes),
        probes.fusion,
        probes.notes,
        probes.query_notes[one],
        probes.where[one],
    )

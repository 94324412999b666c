"""Runs queries: composes, filters, proposes, scores, re-ranks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.composers.default import default_composer
from fieldglass.composers.suited import made_suited
from fieldglass.errors import FingerprintError, QueryError, UsageError
from fieldglass.search.calibrate import calibrate, needs_calibration
from fieldglass.search.capable import check_capable
from fieldglass.search.explain import Explanation, explanation, moved
from fieldglass.search.finish import behind, collapsed, enough, lacking
from fieldglass.search.indexed import Indexes
from fieldglass.search.nearest import nearest
from fieldglass.search.outcome import Outcome
from fieldglass.search.plan import Plan
from fieldglass.search.reranking import Reranking
from fieldglass.search.route import Searcher
from fieldglass.search.scope import Scopes
from fieldglass.search.view import View
from fieldglass.types import Probes, Ranking

if TYPE_CHECKING:
    from fieldglass.interfaces import Composer, Encoder, Reranker
    from fieldglass.search.scope import Scope
    from fieldglass.store import Field, Snapshot, Store
    from fieldglass.types import F32, Query

__all__ = ["Engine"]

BATCH = 128  # queries that share one pass over the segments


class Engine:
    """Searches one collection with one encoder. Safe in threads; sees what was committed before each call.

    :param beside: an engine of the same collection, whose open indexes and moments are used.
    """

    def __init__(self, store: Store, encoder: Encoder, *, beside: Engine | None = None) -> None:
        self.store = store
        self.encoder = encoder
        self._lock = threading.Lock()
        self._view = beside.view() if beside is not None else None
        self._indexes: Indexes = beside._indexes if beside is not None else Indexes()

    def search(
        self,
        queries: Sequence[Query],
        *,
        composer: str | Composer | None = None,
        options: Mapping[str, Any] | None = None,
        k: int = 10,
        min_score: float | None = None,
        collapse: str | None = None,
        rerank: str | Reranker | Reranking | None = None,
        rerank_options: Mapping[str, Any] | None = None,
        rerank_required: bool = False,
        calibrate: str = "all",
        index: str = "auto",
    ) -> list[Outcome]:
        """One outcome per query, in order; fewer than k hits only where fewer items match.

        :param composer: a name, an object, or None: "image", "text" or "weicom" by what each query holds.
        :param min_score: hits below it are left out.
        :param collapse: a group of which only the best item is kept.
        :param rerank: a reranker for the first hits, or a Reranking; `rerank_options` go with a name.
        :param rerank_required: EndpointError where its endpoint is down, instead of the hits as they are with a note.
        :param calibrate: "all" (every live item of the field) or "matches" (those that pass the filter).
        :param index: "auto", "exact", or the kind of index that must be used.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
            raise QueryError(f"k is the number of hits, 0 or more, not {k!r}.")
        if min_score is not None and np.isnan(min_score):
            raise QueryError("min_score is not a number.")
        if calibrate not in ("all", "matches"):
            raise UsageError(f"calibrate is 'all' or 'matches', not {calibrate!r}.")
        view = self.view()
        if collapse is not None and collapse not in view.snapshot.columns:
            raise QueryError(f"There is no group {collapse!r} to collapse by.", hint=_groups(view.snapshot))
        reranking = Reranking.of(rerank, rerank_options, required=rerank_required)
        found: dict[int, Outcome] = {}
        for asked, mine in _by_composer(composer, queries):
            name, maker = self._composer(asked, options or {})
            for start in range(0, len(mine), BATCH):
                places = mine[start : start + BATCH]
                job = _Job(view, self.encoder, self._indexes, name, maker, calibrate, index)
                outcomes = job.run([queries[place] for place in places], k, min_score, collapse, reranking)
                found.update(zip(places, outcomes, strict=True))
        return [found[place] for place in range(len(queries))]

    def rank(
        self,
        queries: Sequence[Query],
        composer: str | Composer,
        *,
        options: Mapping[str, Any] | None = None,
        k: int = 10,
        rerank: str | Reranker | Reranking | None = None,
        rerank_options: Mapping[str, Any] | None = None,
        rerank_required: bool = False,
        calibrate: str = "all",
        index: str = "auto",
    ) -> Iterator[Ranking]:
        """The rankings of `search` by one composer, in order, and nothing else of the hits: no ids, no metadata."""
        view, reranking = self.view(), Reranking.of(rerank, rerank_options, required=rerank_required)
        name, maker = self._composer(composer, options or {})
        for start in range(0, len(queries), BATCH):
            job = _Job(view, self.encoder, self._indexes, name, maker, calibrate, index)
            yield from job.rankings(queries[start : start + BATCH], k, reranking)

    def explain(
        self,
        query: Query,
        id: str,
        *,
        composer: str | Composer | None = None,
        options: Mapping[str, Any] | None = None,
        calibrate: str = "all",
        rerank: str | Reranker | Reranking | None = None,
        rerank_options: Mapping[str, Any] | None = None,
        rerank_required: bool = False,
    ) -> Explanation:
        """Why an item stands where it stands: its rank, what each probe gave to its score, where a reranker put it."""
        reranking = Reranking.of(rerank, rerank_options, required=rerank_required)
        view = self.view()
        name, maker = self._composer(composer or _default(query), options or {})
        job = _Job(view, self.encoder, self._indexes, name, maker, calibrate, "exact")
        searcher, scopes, notes = job.prepared([query])
        found = explanation(searcher, scopes[0], id, name, (*notes, *job.notes(0)))
        if not reranking or found.rank is None:
            return found
        (ranking,) = searcher.search(scopes, reranking.depth(1))
        return moved(found, ranking, reranking.one(query, job.probes, ranking, view), reranking.name, view)

    def made(self, composer: str, options: Mapping[str, Any]) -> Composer:
        """A composer to use for several searches: what it holds is kept, such as the client of a language model."""
        return self._composer(composer, options)[1]

    def view(self) -> View:
        """The gallery as it is now; the same object until something is committed."""
        with self._lock:
            snapshot = self.store.snapshot()
            if self._view is None:
                self._view = View(snapshot, self._nearest)
            elif self._view.snapshot is not snapshot:
                self._view = self._view.after(snapshot)
            return self._view

    def _nearest(self, view: View, field: str, vectors: F32, k: int) -> list[Ranking]:
        return nearest(view, self._indexes, field, vectors, k)

    def _composer(self, composer: str | Composer, options: Mapping[str, Any]) -> tuple[str, Composer]:
        if not isinstance(composer, str):
            if options:
                raise UsageError("Options go with the name of a composer, not with an object.")
            name, made = type(composer).__name__, composer
        else:
            name = composer
            made = made_suited(name, options, self._defaults)
        check_capable(name, made, self.encoder)
        return name, made

    def _defaults(self, composer: str) -> Mapping[str, Any]:
        from fieldglass.models import composer_defaults

        fields = self.store.snapshot().fields.values()
        made = next((each for each in fields if each.fingerprint == self.encoder.fingerprint), None)
        name = made.encoder if made else self.encoder.name  # a model card's name, where that was asked for
        return composer_defaults(name, made.options if made else {}, composer)


class _Job:
    """One pass: the queries of one batch with one composer."""

    def __init__(
        self,
        view: View,
        encoder: Encoder,
        indexes: Indexes,
        name: str,
        composer: Composer,
        calibrate: str,
        index: str,
    ) -> None:
        self.view, self.encoder, self.indexes = view, encoder, indexes
        self.name, self.composer, self.over, self.index = name, composer, calibrate, index
        self.elapsed: dict[str, float] = {}
        self.probes: Probes

    def prepared(self, queries: Sequence[Query]) -> tuple[Searcher, list[Scope], list[str]]:
        """Composed, filtered and calibrated."""
        snapshot = self.view.snapshot
        self._clock = time.perf_counter()
        self.probes = self.composer.compose(queries, self.encoder, self.view)
        plan = Plan.of(self.probes, snapshot.fields, len(queries))
        _same_space(self.encoder, [snapshot.fields[field] for field in plan.fields])
        self._tick("compose")
        scopes = Scopes(self.view, plan.fields)
        also = self.probes.where or (None,) * len(queries)
        found = [scopes.of(query, each) for query, each in zip(queries, also, strict=True)]
        self._tick("filter")
        notes: list[str] = []
        if needs_calibration(plan):
            plan, notes = calibrate(plan, self.view, found, self.over)
            self._tick("calibrate")
        used = self.indexes.ready(self.view, plan.fields, self.index)
        searcher = Searcher(self.view, plan, used)
        return (
            searcher,
            found,
            [*self.probes.notes, *notes, *used.notes, *lacking(self.view, plan), *behind(self.view, plan)],
        )

    def rankings(self, queries: Sequence[Query], k: int, reranking: Reranking) -> list[Ranking]:
        """The k best of each query, re-ranked if asked."""
        searcher, scopes, _ = self.prepared(queries)
        found = searcher.search(scopes, reranking.depth(k))
        ranked = reranking.all(queries, self.probes, found, k, self.view)
        said = [(*self.probes.notes, *self.notes(query)) for query in range(len(ranked))]
        return [
            replace(each, notes=(*notes, *each.notes)) if notes else each
            for each, notes in zip(ranked, said, strict=True)
        ]

    def notes(self, query: int) -> tuple[str, ...]:
        """What the composer has to say about one query alone."""
        return self.probes.query_notes[query] if self.probes.query_notes else ()

    def run(
        self,
        queries: Sequence[Query],
        k: int,
        min_score: float | None,
        collapse: str | None,
        reranking: Reranking,
    ) -> list[Outcome]:
        snapshot = self.view.snapshot
        searcher, scopes, notes = self.prepared(queries)
        wanted = reranking.depth(k)
        if collapse is None:
            rankings = searcher.search(scopes, wanted)
        else:
            rankings = [collapsed(searcher, scopes[query], query, wanted, collapse) for query in range(len(queries))]
        self._tick("search")
        kept = [enough(ranking, min_score) for ranking in rankings]
        if reranking:
            kept = reranking.all(queries, self.probes, kept, k, self.view)
            self._tick("rerank")
        every = np.concatenate([np.empty(0, dtype=np.int64), *(each.positions for each in kept)])
        ids, metadata = snapshot.ids(every), snapshot.metadata(every)
        sources = _sources(snapshot, ids)
        self._tick("fetch")
        elapsed = {**self.elapsed, "total": round(sum(self.elapsed.values()), 3)}
        outcomes = []
        start = 0
        for query, (ranking, scope) in enumerate(zip(kept, scopes, strict=True)):
            mine = slice(start, start + len(ranking.positions))
            start = mine.stop
            named = Ranking(ranking.positions, ranking.scores, ranking.exact, tuple(ids[mine]))
            outcomes.append(
                Outcome(
                    named,
                    metadata[mine],
                    sources[mine],
                    self.name,
                    ranking.exact,
                    elapsed,
                    scope.matched,
                    (*notes, *self.notes(query), *ranking.notes),
                    reranking.name if ranking.reranked else "",
                )
            )
        return outcomes

    def _tick(self, step: str) -> None:
        now = time.perf_counter()
        self.elapsed[step] = round((now - self._clock) * 1000, 3)
        self._clock = now


def _same_space(encoder: Encoder, fields: Sequence[Field]) -> None:
    """FingerprintError where the encoder made none of the fields that are probed."""
    if any(field.fingerprint == encoder.fingerprint for field in fields):
        return
    field = fields[0]
    raise FingerprintError(
        f"The field {field.name!r} holds vectors of {field.encoder} ({field.fingerprint}), "
        f"and the query is encoded by {encoder.name} ({encoder.fingerprint}).",
        hint="Search with the encoder that made it, or index anew: fieldglass index SOURCE --to ANOTHER.collection",
    )


def _by_composer(composer: str | Composer | None, queries: Sequence[Query]) -> list[tuple[str | Composer, list[int]]]:
    """The places of the queries that each composer takes: one composer for all, or each query's default."""
    if composer is not None:
        return [(composer, list(range(len(queries))))]
    found: dict[str | Composer, list[int]] = {}
    for place, query in enumerate(queries):
        found.setdefault(_default(query), []).append(place)
    return list(found.items())


def _default(query: Query) -> str:
    """QueryError where it asks nothing."""
    found = default_composer(query)
    if found is None:
        raise QueryError("Nothing is asked for.", hint="Give a picture (--image, --like), a text (--text), or both.")
    return found


def _sources(snapshot: Snapshot, ids: Sequence[str]) -> list[str]:
    """The name of each item's source: the ids of the first are bare, those of others begin with their name."""
    first = next((name for name, each in snapshot.sources.items() if not each.prefix), "")
    others = [(each.prefix, name) for name, each in snapshot.sources.items() if each.prefix]
    return [next((name for prefix, name in others if id.startswith(prefix)), first) for id in ids]


def _groups(snapshot: Snapshot) -> str:
    groups = sorted(name for name, each in snapshot.columns.items() if each.group)
    return f"Groups: {', '.join(groups) or 'none'}."

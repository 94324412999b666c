"""Runs the queries of a benchmark on a collection and has the benchmark judge them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.benchmarks.loader import read
from fieldglass.composers.turns import reads_history
from fieldglass.errors import QueryError, UsageError
from fieldglass.parallel import ahead, cores
from fieldglass.search.reranking import Reranking
from fieldglass.types import Problem, Query, QueryImage, Ranking

if TYPE_CHECKING:
    from pathlib import Path

    from fieldglass.collection import Collection
    from fieldglass.interfaces import Benchmark, Composer, Encoder
    from fieldglass.types import GalleryView, Probes

__all__ = ["Outcome", "evaluate"]

BATCH = 128  # queries composed and searched together


@dataclass(frozen=True)
class Outcome:
    """What a benchmark said, and on what.

    `metrics` as the paper prints them; `files` are submissions (name -> JSON content); `answered` of `queries` were
    run, `left_out` for a picture that the collection lacks; `gallery` items were searched, `lacking` are absent.
    `values` are shares, but those of the `plain` metrics, which are in their own unit.
    """

    metrics: Mapping[str, float]
    files: Mapping[str, Any]
    queries: int
    answered: int
    left_out: int
    gallery: int
    lacking: int
    seconds: float
    notes: tuple[str, ...]
    composer: str
    values: Mapping[str, list[tuple[str, float]]] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()

    @property
    def subset(self) -> str:
        """What a reader must know before comparing with a paper; "" where the whole benchmark was run."""
        parts = []
        if self.lacking:
            parts.append(f"{self.lacking} of {self.gallery + self.lacking} pictures missing")
        if self.left_out:
            parts.append(f"{self.left_out} of {self.queries} queries left out")
        if self.answered + self.left_out < self.queries:
            parts.append(f"the first {self.answered + self.left_out} of {self.queries} queries")
        return "; ".join(parts)


def evaluate(
    benchmark: Benchmark,
    collection: Collection,
    *,
    root: Path | None = None,
    composer: str | None = None,
    options: Mapping[str, Any] | None = None,
    rerank: str | None = None,
    rerank_options: Mapping[str, Any] | None = None,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Search every query and judge the rankings as they come; memory does not grow with the number of queries.

    :param root: where the pictures of queries lie that are not in the gallery.
    :param composer: a name; by what the queries hold if None.
    :param limit: only so many queries: a quick look, labelled as such.

    A query whose reference is not in the collection, or none of whose `only` items are, is left out and counted.
    QueryError where nothing is left.
    """
    started = time.monotonic()
    runner = _Runner(benchmark, collection, root, composer, dict(options or {}), rerank, rerank_options, progress)
    found = dict(benchmark.judge(runner.rankings(limit)))
    metrics = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
    files = {name: value for name, value in found.items() if name not in metrics}
    tally = getattr(benchmark, "tally", None)
    values = {name: tally.answered(name) for name in tally.metrics} if tally is not None else {}
    return Outcome(
        metrics,
        files,
        len(runner.queries),
        runner.answered,
        runner.left_out,
        runner.present,
        runner.lacking,
        time.monotonic() - started,
        tuple(dict.fromkeys([*getattr(getattr(benchmark, "files", None), "notes", ()), *runner.notes])),
        runner.composer,
        values,
        frozenset(getattr(tally, "plain", ())),
    )


class _Runner:
    """Counts what it leaves out while the benchmark consumes its rankings."""

    def __init__(
        self,
        benchmark: Benchmark,
        collection: Collection,
        root: Path | None,
        composer: str | None,
        options: dict[str, Any],
        rerank: str | None,
        rerank_options: Mapping[str, Any] | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.collection, self.root, self.options, self.rerank = collection, root, options, rerank
        self.rerank_options, self.progress = rerank_options, progress
        self.queries = list(benchmark.queries())
        self.composer = composer or _by_parts(self.queries)
        self.calibrate = str(getattr(benchmark, "calibrate", "all"))
        self.read = getattr(benchmark, "read", read)
        listed = [item.id for item in benchmark.gallery()]
        snapshot = collection.store.snapshot()
        there = snapshot.positions(listed) >= 0
        self.present, self.lacking = int(there.sum()), int((~there).sum())
        self.known = {name for name, found in zip(listed, there, strict=True) if found}
        live = snapshot.live_positions()
        self.names = np.full(snapshot.size, "", dtype=object)
        self.names[live] = snapshot.ids(live)
        if not self.known:
            raise UsageError(
                f"None of the {len(listed)} gallery items is in {collection.path}.",
                hint="Ids must be those of the benchmark. Without --collection one is made of the pictures below "
                "--root, if there are any: --check lists those that are missing.",
            )
        self.only: frozenset[str] | None = None
        if snapshot.count > self.present:  # a collection that holds more: those are no hits
            self.only = frozenset(self.known)
        depth = getattr(benchmark, "depth", 50)
        self.depth = self.present if depth is None else min(depth, self.present)
        self.answered = self.left_out = 0
        self.notes: dict[str, None] = {}
        if any(query.history for query in self.queries) and not reads_history(self.composer):
            self.notes[f"{self.composer} reads the last turn of each query alone."] = None

    def rankings(self, limit: int | None) -> Iterator[tuple[Query, Ranking]]:
        """Queries that can be asked, with their rankings, batch by batch."""
        engine = self.collection.engine
        composer = _InTurn(engine.made(self.composer, self.options))  # once: what it holds serves every batch
        # required: figures of another method are worse than none
        reranking = Reranking(self.rerank, self.rerank_options, required=True)

        def searched(asked: list[tuple[Query, Query]]) -> list[tuple[Query, Ranking]]:
            found = engine.rank(
                [ready for _, ready in asked],
                composer=composer,
                k=self.depth,
                rerank=reranking,
                calibrate=self.calibrate,
                index="exact",
            )
            return [(query, ranking) for (query, _), ranking in zip(asked, found, strict=True)]

        for found in ahead(searched, self._batches(limit), 1 if reranking else cores()):
            for query, ranking in found:
                self.answered += 1
                self.notes.update(dict.fromkeys(ranking.notes))
                names = tuple(self.names[ranking.positions].tolist())
                yield query, Ranking(ranking.positions, ranking.scores, ranking.exact, names)
            if self.progress is not None:
                self.progress(self.answered + self.left_out, len(self.queries))
        if not self.answered:
            raise QueryError("No query could be asked: their pictures are missing.", hint="--check lists them.")

    def _batches(self, limit: int | None) -> Iterator[list[tuple[Query, Query]]]:
        """Queries with what is asked of the engine; those that cannot be asked are counted."""
        pending = iter(self.queries if limit is None else self.queries[:limit])
        while batch := list(islice(pending, BATCH)):
            asked = [(query, ready) for query in batch if (ready := self._ready(query)) is not None]
            self.left_out += len(batch) - len(asked)
            yield asked

    def _ready(self, query: Query) -> Query | None:
        """The query as the engine takes it, its own pictures decoded; None where one is missing."""
        if any(image.id is not None and image.id not in self.known for image in query.images):
            return None
        if query.only is not None and not (query.only & self.known):
            return None
        images = []
        for image in query.images:
            shown = self._decoded(image)
            if shown is None:
                return None
            images.append(shown)
        only = query.only if query.only is not None else self.only
        if only is query.only and all(shown is image for shown, image in zip(images, query.images, strict=True)):
            return query
        return replace(query, images=tuple(images), only=only)

    def _decoded(self, image: QueryImage) -> QueryImage | None:
        if image.id is not None or image.sample is not None or image.item is None:
            return image
        if self.root is None:
            raise UsageError("The pictures of the queries lie below --root, which is not given.")
        (sample,) = self.read([image.item], self.root)
        if isinstance(sample, Problem):
            self.notes[f"A query picture was left out: {sample.message}"] = None
            return None
        return replace(image, sample=sample)


class _InTurn:
    """A composer that is asked by one thread at a time: it may keep a model, or draw numbers."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._lock = Lock()
        self.requires = composer.requires

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """As the composer does."""
        with self._lock:
            return self._composer.compose(queries, encoder, gallery)


def _by_parts(queries: Iterable[Query]) -> str:
    """One composer for the whole benchmark, by the parts that some query has, and by turns where one has a history."""
    pictures = texts = turns = False
    for query in queries:
        pictures |= bool(query.images or query.place is not None)
        texts |= bool(query.texts)
        turns |= bool(query.history)
    if turns:
        return "decayed" if pictures else "chatir"
    return "weicom" if pictures and texts else "image" if pictures else "text"

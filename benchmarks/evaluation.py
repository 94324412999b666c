"""How long a benchmark of 4 000 queries takes against 20 000 items whose vectors are there: time and peak memory."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.table import Row
from fieldglass.collection import Collection
from fieldglass.evaluation.run import evaluate
from fieldglass.evaluation.tally import Tally
from fieldglass.metrics import average_precision, hit_at, hit_ranks
from fieldglass.store import Field, Store
from fieldglass.types import Accepts, Card, Item, Prepared, Query, QueryImage, QueryText

ITEMS, QUERIES, DIM = 20_000, 4_000, 512


class Ready:
    """Texts "0", "1" ... are rows of a matrix: an encoder that costs nothing."""

    name, fingerprint, dim, rows, dtype = "ready", "ready", DIM, 1, "f32"
    accepts = (Accepts("text", "text", (), "unit"),)

    def __init__(self, texts):
        self._texts = texts

    def prepare(self, sample):
        return Prepared(sample.content, "text")

    def images(self, batch):
        raise NotImplementedError

    def texts(self, texts):
        return self._texts[[int(text) for text in texts]]


class Pairs:
    """A reference and a text; one target each, found at depth 50."""

    card = Card("pairs", "synthetic pairs")
    depth = 50
    calibrate = "all"

    def gallery(self):
        return (Item(f"i{row}") for row in range(ITEMS))

    def queries(self):
        for row in range(QUERIES):
            reference = f"i{row}"
            yield Query((QueryImage(reference),), (QueryText(str(row)),), exclude=frozenset([reference]), id=str(row))

    def judge(self, pairs):
        self.tally = Tally()
        for query, ranking in pairs:
            ranks = hit_ranks(ranking.ids, {f"i{(int(query.id) + 1) % ITEMS}"})
            for k in (1, 5, 10, 50):
                self.tally.add(f"R@{k}", query.id, hit_at(ranks, k))
            self.tally.add("mAP@50", query.id, average_precision(ranks, 1, 50))
        return {name: 100 * self.tally.mean(name) for name in self.tally.metrics}


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def rows(quick: bool = False) -> Iterator[Row]:
    """One a composer; the bar is that of the slowest."""
    random = np.random.default_rng(0)
    vectors, texts = unit(random.normal(size=(ITEMS, DIM))), unit(random.normal(size=(QUERIES, DIM)))
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "e.collection")
        with store.writer("bench") as writer:
            writer.add_field(Field("image", "ready", {}, "ready", DIM))
            source = writer.add_source("bench", Path(folder), "files", {})
            writer.append_bulk(source, [f"i{row}" for row in range(ITEMS)], vectors)
        with Collection(store, encoder=Ready(texts)) as collection:
            collection.build()
            for composer in ["sum"] if quick else ["image", "text", "sum", "slerp", "weicom"]:
                started = time.perf_counter()
                evaluate(Pairs(), collection, composer=composer)
                spent = time.perf_counter() - started
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
                what = f"evaluate {QUERIES} queries x {ITEMS} items, {composer}"
                met = spent < 20 and peak < 0.93
                yield Row(what, "< 20 s, < 1 GB", f"{spent:.1f} s, {peak:.2f} GiB", met)

"""A step of a session beyond encoding: composing all turns with their marks, filtering, searching, fetching."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.manifold import Manifold
from benchmarks.search import Ready
from benchmarks.table import Row
from fieldglass.collection import Collection
from fieldglass.session import Session
from fieldglass.store import Field, Store

TURNS = 10
BAR_MS = 50
FUSED_MS = 200  # up to twenty-nine calibrated scores an item


class Spoken(Ready):
    """Sentences are numbers of ready vectors: encoding costs nothing."""

    def __init__(self, vectors: np.ndarray) -> None:
        super().__init__(vectors.shape[1])
        self.vectors = vectors

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        return self.vectors[[int(text) for text in texts]]


def rows(quick: bool) -> Iterator[Row]:
    """Ten turns with two marks each, by every updater that needs no model."""
    count = 20_000 if quick else 100_000
    manifold = Manifold()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "bench.collection")
        with store.writer("benchmark") as writer:
            source = writer.add_source("bench", Path(folder), "files")
            writer.add_field(Field("image", "ready", {}, "ready", manifold.dim))
            shelves = [number % 100 for number in range(count)]
            ids = [f"{number:07d}" for number in range(count)]
            writer.append_bulk(source, ids, manifold.blocks(count), {"shelf": shelves})
        with Collection(store, encoder=Spoken(manifold.texts(TURNS))) as collection:
            collection.build()
            for updater in ("rocchio", "decayed"):
                yield _steps(collection, updater, "", count, BAR_MS)
            yield _steps(collection, "decayed", "weicom", count, FUSED_MS)


def _steps(collection: Collection, updater: str, base: str, count: int, bar: int) -> Row:
    found, plain = [], []
    for _ in range(3):
        session = Session(collection, updater=updater, options={"base": base} if base else {}, k=10)
        for turn in range(TURNS):
            start = time.perf_counter()
            marks = {"like": [1, 2], "not_like": [3]} if turn else {}
            where = f"shelf < {99 - turn}" if turn % 3 == 2 else None
            session.refine(text=str(turn), where=where, **marks)
            found.append((turn, time.perf_counter() - start))
        start = time.perf_counter()
        collection.search(text="0", k=10)
        plain.append(time.perf_counter() - start)
    slowest = max(min(each for turn, each in found if turn == number) for number in range(TURNS)) * 1e3
    name = f"{updater} over {base}" if base else updater
    return Row(
        f"a session's slowest step of {TURNS}, {name}, {count:,} items",
        f"< {bar} ms beyond encoding",
        f"{slowest:.1f} ms, {slowest / (min(plain) * 1e3):.1f} x one plain search",
        slowest < bar,
        "up to 18 marks of relevance and 9 refusals, a filter in every third turn; the best of 3 for each turn",
    )

"""What composing adds to searching, for every composer whose vectors can be ready, and what it holds of a gallery.

A composer that needs no neighbours is compared with the search of its own queries; one that does, with its own
search for neighbours. Words and sentences are rows of a matrix, so that no encoder is timed.
"""

from __future__ import annotations

import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.manifold import Manifold
from benchmarks.table import Row
from fieldglass.collection import Collection
from fieldglass.registry import registry
from fieldglass.search import Engine
from fieldglass.store import Field, Store
from fieldglass.types import Accepts, Prepared, Query, QueryImage, QueryText

ITEMS, DIM, BATCH, TEXTS = 20_000, 512, 128, 1 << 15
MILLION = 1_000_000
FIRST = 64  # queries that are asked before any is timed: word lists and moments are read then
PLAIN = (
    "image", "text", "sum", "slerp", "weicom", "zscore", "product", "percentile", "rrf", "blend", "cirevl", "pdv",
    "weimocir",
)  # fmt: skip
NEAR = ("alpha-qe", "freedom", "basic")


class Ready:
    """A sentence is one of 32 768 rows, by its checksum: reading costs a look-up."""

    name, fingerprint, dim, rows, dtype = "ready", "ready", DIM, 1, "f32"
    accepts = (Accepts("text", "text", (), "unit"),)

    def __init__(self) -> None:
        self.known = Manifold(DIM).texts(TEXTS)

    def prepare(self, sample):
        return Prepared(sample.content, "text")

    def images(self, batch):
        raise NotImplementedError

    def texts(self, texts):
        return self.known[[zlib.crc32(text.encode()) % TEXTS for text in texts]]


class Timed:
    """A gallery that tells how long it was asked for neighbours."""

    def __init__(self, view) -> None:
        self.view, self.spent = view, 0.0

    def __getattr__(self, name):
        return getattr(self.view, name)

    def neighbours(self, field, vectors, k):
        started = time.perf_counter()
        found = self.view.neighbours(field, vectors, k)
        self.spent += time.perf_counter() - started
        return found


@contextmanager
def engine_of(items: int, *, captions: bool) -> Iterator[Engine]:
    """Vectors of a manifold; with captions, a second field of them."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "c.collection")
        ids = [f"i{row}" for row in range(items)]
        told = {"caption": [f"caption {row}" for row in range(items)]} if captions else {}
        with store.writer("bench") as writer:
            writer.add_field(Field("image", "ready", {}, "ready", DIM))
            source = writer.add_source("bench", Path(folder), "files", {})
            writer.append_bulk(source, ids, Manifold(DIM).blocks(items), told)
        encoder = Ready()
        with Collection(store, encoder=encoder) as made:
            if captions:
                made.encode_column("caption")
            made.build()
            yield Engine(store, encoder)


def asked(start: int, count: int, *, distinct: int = ITEMS) -> list[Query]:
    numbers = range(start, start + count)
    return [Query((QueryImage(f"i{n % distinct}"),), (QueryText(f"text {n}"),), id=str(n)) for n in numbers]


def composing(composer, queries: Sequence[Query], encoder: Ready, view: Timed) -> tuple[float, float]:
    """Seconds spent composing, and of those on the search for neighbours."""
    view.spent = 0.0
    started = time.perf_counter()
    for start in range(0, len(queries), BATCH):
        composer.compose(queries[start : start + BATCH], encoder, view)
    return time.perf_counter() - started, view.spent


def plain(engine: Engine, name: str, queries: Sequence[Query]) -> Row:
    composer = registry().create("composers", name, {})
    list(engine.rank(asked(0, FIRST), composer, k=10))
    view = Timed(engine.view())
    spent = min(composing(composer, queries, engine.encoder, view)[0] for _ in range(3))
    started = time.perf_counter()
    list(engine.rank(queries, composer, k=10))
    searched = time.perf_counter() - started - spent
    share = spent / searched
    each = 1000 / len(queries)
    measured = f"{100 * share:.1f} % ({spent * each:.3f} of {searched * each:.2f} ms)"
    return Row(f"{name}: composing beside searching, {ITEMS} items", "< 10 %", measured, share < 0.1)


def near(engine: Engine, name: str, queries: Sequence[Query], of: str = f", {ITEMS} items") -> Iterator[Row]:
    composer = registry().create("composers", name, {})
    view = Timed(engine.view())
    composer.compose(asked(len(queries), FIRST), engine.encoder, view)
    first = composing(composer, queries, engine.encoder, view)
    again = min(
        (composing(composer, queries, engine.encoder, view) for _ in range(3)), key=lambda each: each[0] / each[1]
    )
    timed = [("", again)] if name != "freedom" else [(", seen before", again), (", new", first)]
    for what, (spent, searched) in timed:
        ratio, each = spent / searched, 1000 / len(queries)
        measured = f"{ratio:.2f} ({spent * each:.2f} of {searched * each:.2f} ms)"
        yield Row(f"{name}: composing beside its neighbours{of}{what}", "<= 1.2", measured, ratio <= 1.2)


def anonymous() -> int:
    """Bytes of memory of this process that no file backs: the mapped segments do not count."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell memory by kind")


@contextmanager
def peak(found: list[int], before: int) -> Iterator[None]:
    """How far `anonymous` rises above `before` meanwhile, looked at 200 times a second."""
    done = threading.Event()
    found[:] = [0]

    def look() -> None:
        while not done.wait(0.005):
            found[0] = max(found[0], anonymous() - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def memory(items: int) -> Iterator[Row]:
    with engine_of(items, captions=False) as engine:
        whole, before = items * DIM * 4, anonymous()
        for name in ("freedom", "basic"):
            composer = registry().create("composers", name, {})
            found: list[int] = []
            started = time.perf_counter()
            with peak(found, before):
                list(engine.rank(asked(0, BATCH, distinct=items), composer, k=10))
            spent = (time.perf_counter() - started) / BATCH
            measured = f"{found[0] / 2**20:.0f} MiB beside {whole / 2**20:.0f}, {1000 * spent:.0f} ms a query"
            bar = "memory < a quarter of the gallery"
            yield Row(f"{name} on {items} items of {DIM}, first {BATCH} queries", bar, measured, found[0] < whole / 4)
        yield from near(engine, "freedom", asked(BATCH, BATCH, distinct=items), f", {items} items")


def rows(quick: bool = False) -> Iterator[Row]:
    """One a composer, then the memory of those that look at neighbours."""
    count = 256 if quick else 1000
    with engine_of(ITEMS, captions=True) as engine:
        for name in PLAIN:
            yield plain(engine, name, asked(0, count))
        for name in NEAR:
            yield from near(engine, name, asked(0, count))
    if Path("/proc/self/status").exists():
        yield from memory(MILLION // 4 if quick else MILLION)

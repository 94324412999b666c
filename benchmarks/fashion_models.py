"""FashionIQ's evaluation with ready vectors, and the 12 heads of FashionBLIP-2 as one vector of 3072 numbers."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.table import Row
from fieldglass.benchmarks.fashioniq import FashionIQ
from fieldglass.collection import Collection
from fieldglass.evaluation.run import evaluate
from fieldglass.store import Field, Store
from fieldglass.types import Accepts, Prepared

DIMS = {"a CLIP": 512, "FashionBLIP-2": 3072}
COMPOSERS = ("sum", "weicom")


class Ready:
    """Sentences have a vector each; an encoder that costs nothing."""

    name, fingerprint, rows, dtype = "ready", "ready", 1, "f32"
    accepts = (Accepts("text", "text", (), "unit"),)

    def __init__(self, vectors):
        self._vectors, self.dim = vectors, next(iter(vectors.values())).shape[0]

    def prepare(self, sample):
        return Prepared(sample.content, "text")

    def images(self, batch):
        raise NotImplementedError

    def texts(self, texts):
        return np.stack([self._vectors[text] for text in texts])


def rows(quick: bool = False) -> Iterator[Row]:
    """The evaluation by composer and width, on the published annotations; then the matching score."""
    root = Path(os.environ.get("FIELDGLASS_DATA", ""), "annotations", "fashioniq")
    for what, dim in list(DIMS.items())[: 1 if quick else 2]:
        if not os.environ.get("FIELDGLASS_DATA") or not root.is_dir():
            yield Row(f"FashionIQ val, ready vectors of {what}", "< 5 s", "not measured", None, "needs FIELDGLASS_DATA")
            continue
        yield from _evaluated(FashionIQ(root=str(root)), what, dim, COMPOSERS[: 1 if quick else 2])
    yield _matched(200 if quick else 2000)


def _evaluated(benchmark: FashionIQ, what: str, dim: int, composers: tuple[str, ...]) -> Iterator[Row]:
    noise = np.random.default_rng(0)
    items, queries = list(benchmark.gallery()), list(benchmark.queries())
    said = list(dict.fromkeys(query.texts[0].text for query in queries))
    texts = dict(zip(said, _unit(noise.normal(size=(len(said), dim))), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "f.collection")
        with store.writer("bench") as writer:
            writer.add_field(Field("image", "ready", {}, "ready", dim))
            source = writer.add_source("bench", Path(folder), "files", {})
            vectors = _unit(noise.normal(size=(len(items), dim)))
            writer.append_bulk(source, [item.id for item in items], vectors)
            writer.put_metadata((item.id, dict(item.metadata)) for item in items)
        with Collection(store, encoder=Ready(texts)) as collection:
            for composer in composers:
                started = time.perf_counter()
                done = evaluate(benchmark, collection, composer=composer)
                spent = time.perf_counter() - started
                matches = sum(_pairs(items, queries)) * dim * 2 * 2
                yield Row(
                    f"FashionIQ val, original galleries, ready vectors of {what} ({dim}), {composer}",
                    "< 5 s",
                    f"{spent:.1f} s for {done.answered} queries among {done.gallery} pictures",
                    spent < 5,
                    f"two probes: {matches / 1e9:.0f} GFLOP for their scores alone" if composer == "weicom" else "",
                )


def _pairs(items, queries) -> Iterator[int]:
    """How many pictures each query is compared with."""
    sizes = Counter(f"category = '{item.metadata['category']}'" for item in items)
    yield from (sizes[query.where] for query in queries)


def _matched(count: int) -> Row:
    """The score as one inner product, beside the 12 cosines one by one in float64."""
    noise = np.random.default_rng(0)
    asked, found = noise.normal(size=(2, count, 12, 256))
    long = [np.linalg.norm(each, axis=2, keepdims=True) for each in (asked, found)]
    flat = [
        (each / norm).astype(np.float32).reshape(count, -1) for each, norm in zip((asked, found), long, strict=True)
    ]
    started = time.perf_counter()
    one = flat[0] @ flat[1].T
    quick = time.perf_counter() - started
    started = time.perf_counter()
    dots = np.stack([asked[:, head] @ found[:, head].T for head in range(12)])
    norms = long[0].transpose(1, 0, 2) * long[1].transpose(1, 2, 0)
    plain = (dots / norms).sum(axis=0)
    slow = time.perf_counter() - started
    error = float(np.abs(one - plain).max())
    return Row(
        f"matching of FashionBLIP-2, {count} x {count} scores: one inner product of 3072",
        "equals the sum of 12 cosines to 1e-5",
        f"{error:.1e}, {slow / quick:.1f} times as fast",
        error < 1e-5,
    )


def _unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

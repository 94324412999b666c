"""Search over a million embedding-like vectors: each figure beside numpy's, or the exact one, of the same run."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.manifold import Manifold
from benchmarks.table import Row
from fieldglass.composers.weicom import calibrated_sum
from fieldglass.search import Engine, build
from fieldglass.store import Field, Store
from fieldglass.types import Fusion, Probe, Probes, Query

K = 10
QUERIES = 100
WEIGHTS = (0.3, 0.5, 0.9)
DRAWER = 50  # items of one `shelf`: so that filters of any size are ranges of an indexed column


class Ready:
    """An encoder that is never asked: the benchmark brings its vectors."""

    name = "ready"
    fingerprint = "ready"
    rows = 1
    dtype = "f32"
    accepts = ()

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def prepare(self, sample):
        raise TypeError("the benchmark searches with ready vectors")


@dataclass(frozen=True)
class Vectors:
    """A composer of ready vectors: of one probe, or of two under WeiCom's fusion."""

    requires = frozenset()
    pictures: np.ndarray
    texts: np.ndarray | None = None
    weight: float = 0.5

    def compose(self, queries: Sequence[Query], encoder, gallery) -> Probes:
        count = len(queries)
        if self.texts is None:
            return Probes((Probe("image", self.pictures[:count]),), Fusion("ready", "linear"))
        pair = (
            Probe("image", self.pictures[:count], 1 - self.weight),
            Probe("image", self.texts[:count], self.weight),
        )
        return Probes(pair, Fusion("weicom", "moments", calibrated_sum))


def fastest(calls: Sequence[Callable[[], object]], times: int) -> list[float]:
    """The least seconds of each call, taken in turns so that all see the same machine."""
    found = [math.inf] * len(calls)
    for _ in range(times):
        for place, call in enumerate(calls):
            start = time.perf_counter()
            call()
            found[place] = min(found[place], time.perf_counter() - start)
    return found


def top(scores: np.ndarray, k: int = K) -> np.ndarray:
    """numpy's top-k: what the bars are stated against."""
    best = np.argpartition(-scores, k, axis=-1)[..., :k]
    order = np.argsort(-np.take_along_axis(scores, best, -1), axis=-1)
    return np.take_along_axis(best, order, -1)


def recall(found: Sequence[Sequence[int]], true: Sequence[Sequence[int]]) -> float:
    """Share of the true hits that were found."""
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, true, strict=True)]))


class Bench:
    """One collection of `count` vectors, and the rows measured on it."""

    def __init__(self, folder: Path, count: int, times: int) -> None:
        self.count, self.times = count, times
        self.manifold = Manifold()
        self.path = folder / "bench.collection"
        self.store = Store.create(self.path)
        with self.store.writer("benchmark") as writer:
            source = writer.add_source("bench", folder, "files")
            writer.add_field(Field("image", "ready", {}, "ready", self.manifold.dim))
            ids = [f"{number:07d}" for number in range(count)]
            shelves = [number // DRAWER for number in np.random.default_rng(3).permutation(count).tolist()]
            writer.append_bulk(source, ids, self.manifold.blocks(count), {"shelf": shelves})
            if hasattr(writer, "merge"):
                writer.merge()
        start = time.perf_counter()
        build(self.store, kind="exact")
        self.moments_s = time.perf_counter() - start
        start = time.perf_counter()
        build(self.store, kind="ivf")
        self.build_s = time.perf_counter() - start
        self.engine = Engine(self.store, Ready(self.manifold.dim))
        self.queries = {"picture": self.manifold.pictures(QUERIES), "text": self.manifold.texts(QUERIES)}
        self.gallery = self.manifold.rows(count)

    def search(self, vectors: np.ndarray, index: str, **more) -> list[list[int]]:
        """Positions of the hits of each query."""
        where = more.pop("where", None)
        composer = more.pop("composer", None) or Vectors(vectors)
        found = self.engine.search([Query(where=where)] * len(vectors), composer=composer, k=K, index=index, **more)
        return [each.ranking.positions.tolist() for each in found]

    def rows(self) -> Iterator[Row]:
        yield from self.exact()
        yield from self.approximate()
        yield from self.filtered()
        yield from self.weicom()
        yield from self.opening()

    def exact(self) -> Iterator[Row]:
        one, many = self.queries["picture"][:1], self.queries["picture"]
        same = self.search(many[:5], "exact") == top(many[:5] @ self.gallery.T).tolist()
        ours, theirs = fastest([lambda: self.search(one, "exact"), lambda: top(self.gallery @ one[0])], self.times)
        yield ratio(f"exact search, {self.label}, one query", ours, theirs, 1.15, "numpy `x @ q` + top-k", same)
        ours, theirs = fastest([lambda: self.search(many, "exact"), lambda: self.gallery @ many.T], 3)
        yield ratio(f"exact search, {self.label}, batch of {QUERIES}", ours, theirs, 1.3, "the GEMM alone", same)

    def approximate(self) -> Iterator[Row]:
        for kind, vectors in self.queries.items():
            true = self.search(vectors, "exact")
            reached = recall([self.search(vectors[place : place + 1], "ivf")[0] for place in range(QUERIES)], true)
            ours, theirs = fastest([self.each(vectors, "ivf"), self.each(vectors, "exact")], 3)
            yield Row(
                f"approximate search, {self.label}, {kind}-like queries",
                "recall@10 >= 0.95, >= 20 x faster than exact",
                f"recall {reached:.3f}, {theirs / ours:.1f} x ({ours * 100:.2f} ms)",
                reached >= 0.95 and theirs / ours >= 20,
                f"mean of {K} single queries; recall over {QUERIES}",
            )
        size = sum(path.stat().st_size for path in (self.path / "derived").iterdir() if "index" in path.name) / 1e6
        yield Row(
            f"the index of {self.label}",
            "< 180 s on 2 cores, < 150 MB",
            f"{self.build_s:.0f} s, {size:.0f} MB",
            self.build_s < 180 and size < 150,
            f"tuning included; moments take another {self.moments_s:.0f} s",
        )

    def filtered(self) -> Iterator[Row]:
        snapshot = self.store.snapshot()
        query = self.queries["picture"][:1]
        few = min(20_000, self.count // 10)
        filters, searches = [], []
        for number in range(self.times):  # another range each time: a filter seen before is not looked up again
            where = f"shelf >= {number} AND shelf < {number + few // DRAWER}"
            found = self.engine.search([Query(where=where)], composer=Vectors(query), k=K)[0]
            filters.append(found.elapsed_ms["filter"] / 1e3)
            searches.append(found.elapsed_ms["search"] / 1e3)
        chosen = snapshot.select(where)
        (theirs,) = fastest([lambda: top(self.gallery[chosen] @ query[0])], self.times)
        same = chosen[top(self.gallery[chosen] @ query[0])].tolist() == found.ranking.positions.tolist()
        yield ratio(f"{few} of {self.label} match a filter", min(searches), theirs, 1.5, "`X[idx] @ q` + top-k", same)
        yield Row(
            f"an indexed-column predicate with {few} matches",
            "< 25 ms",
            f"{min(filters) * 1e3:.1f} ms",
            min(filters) < 0.025,
            "the SQL and its bitmap",
        )
        for share in (0.03, 0.1, 0.5):
            where = f"shelf < {int(self.count * share) // DRAWER}"
            allowed = snapshot.select(where)
            if len(allowed) <= 20_000:
                continue
            for kind, vectors in self.queries.items():
                found = self.search(vectors, "ivf", where=where)
                reached = recall(found, allowed[top(vectors @ self.gallery[allowed].T)].tolist())
                full = min(map(len, found)) == K
                yield Row(
                    f"{share:.0%} of {self.label} match a filter, {kind}-like",
                    "recall@10 >= 0.95, k hits",
                    f"recall {reached:.3f}, {min(map(len, found))} hits",
                    reached >= 0.95 and full,
                    f"over {QUERIES} queries",
                )

    def weicom(self) -> Iterator[Row]:
        pictures, texts = self.queries["picture"], self.queries["text"]
        plain, full = fastest(
            [
                lambda: self.search(pictures[:1], "exact"),
                lambda: self.search(pictures[:1], "exact", composer=Vectors(pictures[:1], texts[:1])),
            ],
            self.times,
        )
        worst = max(self.formula_error(pictures[:1], texts[:1], weight) for weight in WEIGHTS)
        yield Row(
            f"WeiCom, {self.label}, exact",
            "< 3 x a plain search, within 1e-6 of the full-scan formula",
            f"{full / plain:.2f} x, {worst:.0e} off",
            full / plain < 3 and worst < 1e-6,
            f"text weights {WEIGHTS}",
        )
        for weight in WEIGHTS:
            composer = Vectors(pictures, texts, weight)
            true = self.search(pictures, "exact", composer=composer)
            reached = recall(self.search(pictures, "ivf", composer=composer), true)
            plain, mixed = fastest(
                [
                    self.each(pictures, "ivf"),
                    self.each(pictures, "ivf", lambda one, weight=weight: Vectors(pictures[one], texts[one], weight)),
                ],
                3,
            )
            yield Row(
                f"WeiCom, {self.label}, IVF, text weight {weight}",
                "recall@10 >= 0.95 of the full scan, < 8 x a plain search",
                f"recall {reached:.3f}, {mixed / plain:.1f} x ({mixed * 100:.1f} ms)",
                reached >= 0.95 and mixed / plain < 8,
                f"recall over {QUERIES} queries",
            )

    def formula_error(self, picture: np.ndarray, text: np.ndarray, weight: float) -> float:
        """The most by which a score of the engine differs from the formula, in float64 over every row."""
        total = np.zeros(self.count)
        for vector, share in ((picture[0], 1 - weight), (text[0], weight)):
            blocks = np.array_split(self.gallery, max(self.count // 50_000, 1))
            scores = np.concatenate([block.astype(np.float64) @ vector for block in blocks])
            z = (scores - scores.mean()) / scores.std(ddof=1)
            total += share * np.fromiter((0.5 * math.erfc(-each / math.sqrt(2)) for each in z), float, self.count)
        found = self.engine.search([Query()], composer=Vectors(picture, text, weight), k=K, index="exact")[0].ranking
        best = np.sort(total)[::-1][:K]
        return float(max(np.abs(total[found.positions] - found.scores).max(), np.abs(best - found.scores).max()))

    def opening(self) -> Iterator[Row]:
        code = (
            "import sys, time, json, numpy as np\n"
            "from benchmarks.search import Ready, Vectors\n"
            "from fieldglass.store import Store\n"
            "from fieldglass.search import Engine\n"
            "from fieldglass.types import Query\n"
            "start = time.perf_counter()\n"
            "store = Store.open(sys.argv[1]); snapshot = store.snapshot(); count = snapshot.count\n"
            "opened = time.perf_counter() - start\n"
            "vector = np.ones((1, snapshot.fields['image'].dim), dtype=np.float32)\n"
            "Engine(store, Ready(512)).search([Query()], composer=Vectors(vector), k=10)\n"
            "print(json.dumps([opened, time.perf_counter() - start]))\n"
        )
        taken = []
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", code, str(self.path)],
                capture_output=True,
                check=True,
                cwd=Path(__file__).parent.parent,
            )
            taken.append(json.loads(done.stdout))
        opened, first = min(each[0] for each in taken), min(each[1] for each in taken)
        yield Row(f"opening {self.label}", "< 50 ms beyond imports", f"{opened * 1e3:.0f} ms", opened < 0.05, "of 3")
        yield Row(f"opening {self.label} and a first query", "< 1.5 s", f"{first:.2f} s", first < 1.5, "of 3")

    def each(self, vectors: np.ndarray, index: str, composer=None) -> Callable[[], object]:
        """Ten single queries, one after the other; `composer` makes the composer of one (a slice)."""
        ones = [slice(place, place + 1) for place in range(K)]
        return lambda: [self.search(vectors[one], index, composer=composer and composer(one)) for one in ones]

    @property
    def label(self) -> str:
        return f"{self.count:,} x {self.manifold.dim}"


def ratio(what: str, ours: float, theirs: float, bar: float, beside: str, same: bool) -> Row:
    """Our seconds over theirs, and whether both found the same."""
    return Row(
        what,
        f"<= {bar} x {beside}",
        f"{ours / theirs:.2f} x ({ours * 1e3:.1f} against {theirs * 1e3:.1f} ms)",
        ours / theirs <= bar and same,
        "the same hits" if same else "OTHER HITS",
    )


def rows(quick: bool) -> list[Row]:
    """Every bar of search, on a million vectors, or on 150 000."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), 150_000 if quick else 1_000_000, 5)
        try:
            return list(bench.rows())
        finally:
            bench.store.close()

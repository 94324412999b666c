"""A gallery of 100 000 places of 512 numbers: reopened, and one ready vector located in it.

Times are the least of several: what else runs on the machine only adds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.table import Row
from fieldglass.search import Engine, build
from fieldglass.store import Field, Store
from fieldglass_geo.gallery.points import unit_vectors
from fieldglass_geo.locating.cells import cells
from fieldglass_geo.locating.middles import middles
from fieldglass_geo.locating.spread import mode, probabilities, radius_km

_DIM = 512
_SCALE = 39.687


def rows(quick: bool) -> Iterator[Row]:
    count = 20_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "places.collection"
        _gallery(path, count)
        opened = _least(lambda: _opened(path), 7)
        yield Row(
            f"{count:,} places reopened, with their coordinates", "< 50 ms", f"{opened:.1f} ms", opened < 50,
            "catalogue, snapshot, coordinates as arrays; the vectors are mapped, not read",
        )  # fmt: skip
        with Store.open(path) as store:
            yield from _locating(store, count)


def _gallery(path: Path, count: int) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((count, _DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lat = np.degrees(np.arcsin(random.uniform(-0.9, 0.98, count))).round(6)
    lon = random.uniform(-180, 180, count).round(6)
    with Store.create(path) as store:
        with store.writer("index") as writer:
            source = writer.add_source("places", Path("/places.csv"), "geo/places", {})
            writer.add_field(Field("image", "bench", {}, "bench", _DIM, 1, "f32", "none", "sample"))
            ids = [f"{number}" for number in range(count)]
            writer.append_bulk(source, ids, vectors, {"lat": lat.tolist(), "lon": lon.tolist()})
        build(store, kind="exact")


def _opened(path: Path) -> None:
    with Store.open(path) as store:
        lat, _ = middles(Engine(store, None).view())  # type: ignore[arg-type]
        if not np.isfinite(lat).all():
            raise ValueError("places were lost")


def _locating(store: Store, count: int) -> Iterator[Row]:
    view = Engine(store, None).view()  # type: ignore[arg-type]
    lat, lon = middles(view)
    query = view.vectors("image", np.array([7]))[:, 0]
    whole = np.ascontiguousarray(view.rows("image").window(0, count)[:, 0])
    here, cell = unit_vectors(lat, lon), cells(lat, lon, 25.0)

    def plain() -> np.ndarray:
        logits = _SCALE * (whole @ query[0])
        found = np.exp(logits - logits.max())
        return found / found.sum()

    def ours() -> np.ndarray:
        return probabilities(view.scores("image", query)[0], _SCALE)

    if np.abs(plain() - ours()).max() > 1e-6:
        raise ValueError("the probabilities differ from numpy's")
    base = _least(plain, 15)
    spent = _least(ours, 15)
    yield Row(
        f"probabilities of {count:,} places for one ready vector", "<= 1.5 x numpy", f"{spent / base:.2f} x",
        spent <= 1.5 * base, f"{spent:.1f} ms; x @ q and softmax in numpy {base:.1f} ms",
    )  # fmt: skip
    found = ours()

    def settled() -> float:
        return radius_km(here, found, mode(here, found, cell, 25.0), 0.9)

    yield Row(f"best point and radius among {count:,} places", "-", f"{_least(settled, 7):.1f} ms", None)


def _least(work: Callable[[], object], times: int) -> float:
    """Milliseconds, the least of several runs."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - start))
    return min(spent)

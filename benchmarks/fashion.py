"""A shop's catalogue of 200 000 articles: memory while it is indexed, near duplicates, and searches with filters."""

from __future__ import annotations

import csv
import io
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.table import Row
from fieldglass.collection import Collection
from fieldglass.ingest import field_of, ingest
from fieldglass.store import Store
from fieldglass.types import Accepts, Prepared, Sample
from fieldglass_fashion.audit import audit
from fieldglass_fashion.conditions import Wanted, condition
from fieldglass_fashion.grouping import mark_near_duplicates
from fieldglass_fashion.loader import Catalogue

DIM, SIDE = 256, 24
_KINDS = 40
_MIB = 1 << 20


class Projected:
    """Pixels, projected at random: 256 dimensions, at no cost worth speaking of. A text is a seed."""

    name, fingerprint = "projected", "projected-1"
    dim, rows, dtype = DIM, 1, "f32"
    accepts = (Accepts("image", "image"), Accepts("text", "text", (), "unit"))

    def __init__(self) -> None:
        self._matrix = np.random.default_rng(0).normal(size=(SIDE * SIDE * 3, DIM)).astype(np.float32)

    def prepare(self, sample: Sample) -> Prepared:
        if sample.kind == "text":
            return Prepared(sample.content, "text")
        picture = Image.fromarray(sample.content).resize((SIDE, SIDE))
        return Prepared(np.asarray(picture, dtype=np.float32).reshape(-1) / 255 - 0.5, "image")

    def images(self, batch: Sequence[Prepared]) -> Any:
        return _unit(np.stack([each.content for each in batch]) @ self._matrix)[:, None]

    def texts(self, texts: Sequence[str]) -> Any:
        rows = [np.random.default_rng(sum(text.encode())).normal(size=DIM) for text in texts]
        return _unit(np.stack(rows).astype(np.float32))


def rows(quick: bool) -> Iterator[Row]:
    count = 5_000 if quick else 200_000
    with tempfile.TemporaryDirectory(prefix="fieldglass-bench-") as name:
        folder = Path(name)
        root = _shop(folder, count)
        with _Memory() as memory:
            store = _indexed(folder, root)
        with store:
            yield Row(
                f"index {count:,} articles of one picture each, from a TAR",
                "<= 768 MiB more memory",
                f"{memory.growth / _MIB:.0f} MiB",
                memory.growth <= 768 * _MIB,
                f"{count / memory.seconds:.0f} articles/s with an encoder that costs nothing",
            )
            spent, groups = _timed(lambda: mark_near_duplicates(store))
            yield Row(f"near duplicates of {count:,} pictures", "-", f"{spent:.1f} s", None, f"{groups} groups")
            store.build()
            yield from _searches(store, count)
        with _Memory() as memory:
            found = audit(root, Catalogue(pictures="pictures.tar"), pictures=False)
        yield Row(
            f"audit of {count:,} rows without their pictures", "-", f"{memory.seconds:.1f} s", None,
            f"{len(found.findings)} findings, {memory.growth / _MIB:.0f} MiB more memory",
        )  # fmt: skip


def _searches(collection: Collection, count: int) -> Iterator[Row]:
    """Each query has a filter that was not asked before. Reading and encoding the query do not count."""
    snapshot = collection.store.snapshot()
    picture = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    dress = {"text": "a dress"}
    for what, wanted, asked in (
        ("category and price", lambda n: Wanted(category="Kind 7", max_price=_price(20, n)), dress),
        ("price alone, half of all", lambda n: Wanted(max_price=_price(50, n)), dress),
        ("category, price, stock; picture and words", lambda n: Wanted(category="Women", max_price=_price(20, n),
            in_stock=True), {**dress, "image": picture}),
        ("a filter that leaves 3", lambda n: Wanted(max_price=-1 + 1.02 + n * 0), dress),
    ):  # fmt: skip
        spent = []
        hits = 0
        for number in range(25):
            started = time.perf_counter()
            where = condition(wanted(number), snapshot)
            building = 1000 * (time.perf_counter() - started)
            result = collection.search(**asked, where=where, k=20, collapse="product")
            steps = result.elapsed_ms
            spent.append(building + sum(ms for step, ms in steps.items() if step not in ("total", "read", "compose")))
            hits = len(result)
        median = float(np.median(spent[5:]))
        yield Row(
            f"search {count:,} articles, {what}, 20 products", "< 30 ms beyond encoding", f"{median:.1f} ms",
            median < 30, f"{result.matched:,} match, {hits} products",
        )  # fmt: skip


def _price(least: float, number: int) -> float:
    """Another for each query, in cents as people say them."""
    return round(least + number / 7, 2)


def _shop(folder: Path, count: int) -> Path:
    """An export, and its pictures in one archive: distinct colours and noise; every thousandth is another's copy."""
    random = np.random.default_rng(1)
    with tarfile.open(folder / "pictures.tar", "w") as archive:
        for number in range(count):
            seed = number - 500 if number % 1000 == 999 else number
            small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            data = io.BytesIO()
            Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(data, "JPEG")
            member = tarfile.TarInfo(f"{number:06}.jpg")
            member.size = data.tell()
            archive.addfile(member, io.BytesIO(data.getvalue()))
    prices = random.uniform(2, 100, count)
    prices[:3] = 0.01
    with open(folder / "shop.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "title", "price", "availability", "product_type", "size", "image_link"])
        for number, price in enumerate(prices):
            kind = f"{'Women' if number % 2 else 'Men'} > Kind {number % _KINDS}"
            stock = "in stock" if number % 5 else "out of stock"
            table.writerow([f"A{number:06}", f"Article {number}", f"{price:.2f} EUR", stock, kind, number % 12 + 34,
                            f"{number:06}.jpg"])  # fmt: skip
    return folder / "shop.csv"


def _indexed(folder: Path, root: Path) -> Collection:
    encoder = Projected()
    store = Store.create(folder / "shop.collection")
    with store.writer("create") as writer:
        writer.add_field(field_of("image", encoder, "projected", {}))
    ingest(store, root, encoder=encoder, encoder_name="projected", loader="fashion/catalogue",
           loader_options={"pictures": "pictures.tar"})  # fmt: skip
    return Collection(store, encoder=encoder)


class _Memory:
    """The most memory that this process took more than at the start, sampled; and the seconds."""

    def __enter__(self) -> _Memory:
        self._process = psutil.Process()
        self._first = self._most = self._process.memory_info().rss
        self._done = threading.Event()
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._started
        self._done.set()
        self._thread.join()
        self.growth = self._most - self._first

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self._most = max(self._most, self._process.memory_info().rss)


def _timed(call: Any) -> tuple[float, Any]:
    started = time.monotonic()
    result = call()
    return time.monotonic() - started, result


def _unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)

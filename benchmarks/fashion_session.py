"""Garments: a session's step with edits and with a memory, colours by name, edits against other composers."""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fieldglass
from benchmarks.manifold import Manifold
from benchmarks.search import Ready
from benchmarks.table import Row
from fieldglass.collection import Collection
from fieldglass.metrics import average_precision, hit_ranks, precision_at
from fieldglass.session import Session
from fieldglass.store import Field, Store
from fieldglass.types import Query, QueryImage, QueryText

TURNS = ("a red dress", "sleeveless", "in green", "without a belt", "longer", "not floral", "in navy", "more formal")
BAR_MS = 50
BASIC = ("black", "grey", "white", "beige", "brown", "red", "orange", "yellow", "green", "blue", "purple", "pink")
NAMES = {"longsleeve": "long sleeve shirt", "outwear": "jacket"}
NOTED = Path(__file__).parents[1] / "tests" / "fashion" / "garment_colours.csv"  # seen by a person


class Spoken(Ready):
    """Any sentence is a vector that costs nothing, the same for the same words."""

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        rows = [np.random.default_rng(list(text.encode()) or [0]).normal(size=self.dim) for text in texts]
        found = np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def rows(quick: bool = False) -> Iterator[Row]:
    """A step's time; then quality on real garments, where FIELDGLASS_DATA has them."""
    yield from _steps(20_000 if quick else 200_000)
    data = os.environ.get("FIELDGLASS_DATA", "")
    root = Path(data) / "clothing"
    if not data or not root.is_dir():
        yield Row("colours and edits on garments", "-", "not measured", None, "FIELDGLASS_DATA has no clothing folder")
        return
    yield from _quality(root)


def _steps(count: int) -> Iterator[Row]:
    import torch

    from fieldglass_fashion.memory.module import made

    manifold = Manifold()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "bench.collection")
        with store.writer("benchmark") as writer:
            source = writer.add_source("bench", Path(folder), "files")
            writer.add_field(Field("image", "ready", {}, "ready", manifold.dim))
            ids = [f"{number:07d}" for number in range(count)]
            columns = {"price": [number % 100 for number in range(count)]}
            writer.append_bulk(source, ids, manifold.blocks(count), columns)
        weights = Path(folder) / "memory.pt"
        network = made(manifold.dim, slots=8, width=128, hidden=256, key=32)
        torch.save({"memory": network.state_dict()}, weights)
        with Collection(store, encoder=Spoken(manifold.dim)) as collection:
            collection.build()
            for name, updater, options in (
                ("rocchio over fashion/edits", "rocchio", {"base": "fashion/edits"}),
                ("fashion/edits", "fashion/edits", {}),
                ("fashion/memory", "fashion/memory", {"weights": str(weights)}),
                ("decayed", "decayed", {}),
            ):
                yield _step(collection, name, updater, options, count)


def _step(collection: Collection, name: str, updater: str, options: dict[str, Any], count: int) -> Row:
    found: list[list[float]] = [[] for _ in TURNS]
    for _ in range(4):
        session = Session(collection, updater=updater, options=options, k=10)
        for turn, text in enumerate(TURNS):
            start = time.process_time()
            session.refine(text=text, **({"like": 1, "not_like": 2} if turn else {}))
            found[turn].append(time.process_time() - start)
    slowest = max(map(min, found)) * 1e3
    note = "processor time of all threads, so that other work beside it does not count; two marks a turn; the best of 4"
    return Row(
        f"a session's slowest step of {len(TURNS)}, {name}, {count:,} items", f"< {BAR_MS} ms beyond encoding",
        f"{slowest:.1f} ms", slowest < BAR_MS, note,
    )  # fmt: skip


def _quality(root: Path) -> Iterator[Row]:
    noted = csv.DictReader(NOTED.open(encoding="utf-8"))
    colours = {row["file"]: frozenset(row["colours"].split()) for row in noted}
    with tempfile.TemporaryDirectory() as folder:
        for encoder in ("mini", "fashion/mini"):
            with fieldglass.create(Path(folder) / encoder.replace("/", "-"), encoder) as made:
                made.index(root)
                yield _named(made, encoder, colours)
                yield from _composed(made, encoder, colours)


def _named(made: Any, encoder: str, colours: dict[str, frozenset[str]]) -> Row:
    """ "a black t-shirt": kind and colour both right."""
    precise, average = [], []
    for kind in sorted({name.split("/")[0] for name in colours}):
        for colour in BASIC:
            right = {name for name in colours if name.startswith(f"{kind}/") and colour in colours[name]}
            if len(right) >= 2:
                hits = made.search(text=f"a {colour} {NAMES.get(kind, kind)}", k=len(colours))
                ranks = hit_ranks([hit.id for hit in hits], right)
                precise.append(precision_at(ranks, min(10, len(right))))
                average.append(average_precision(ranks, len(right)))
    return Row(
        f"kind and colour by a text, 341 garments, {encoder}", "-",
        f"P@min(10, R) {100 * np.mean(precise):.1f}, mAP {100 * np.mean(average):.1f}", None,
        f"{len(precise)} texts such as 'a black t-shirt'; the colours were noted by eye",
    )  # fmt: skip


def _composed(made: Any, encoder: str, colours: dict[str, frozenset[str]]) -> Iterator[Row]:
    """A picture and "in green": the same kind in that colour. Settings were chosen on the other half."""
    cases = list(_cases(colours))
    queries = [
        Query((QueryImage(name),), (QueryText(f"in {colour}"),), exclude=frozenset([name])) for name, colour, _ in cases
    ]
    for composer in ("image", "sum", "weicom", "fashion/edits"):
        outcomes = made.engine.search(queries, composer=made_composer(made, encoder, composer), k=len(colours))
        precise, average = [], []
        for outcome, (_, _, right) in zip(outcomes, cases, strict=True):
            ranks = hit_ranks(outcome.ranking.ids, right)
            precise.append(precision_at(ranks, min(10, len(right))))
            average.append(average_precision(ranks, len(right)))
        yield Row(
            f"a picture and 'in green', 341 garments, {encoder}, {composer}", "-",
            f"P@min(10, R) {100 * np.mean(precise):.1f}, mAP {100 * np.mean(average):.1f}", None,
            f"{len(cases)} queries; options of the model's card, which were chosen on as many others",
        )  # fmt: skip


def made_composer(made: Any, encoder: str, composer: str) -> Any:
    """With what suits the model."""
    from fieldglass.models import composer_defaults
    from fieldglass.registry import registry

    return registry().create("composers", composer, composer_defaults(encoder, {}, composer))


def _cases(colours: dict[str, frozenset[str]]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Every other photograph, with a colour that it has not and two others of its kind have."""
    random = np.random.default_rng(0)
    for name, own in list(colours.items())[1::2]:
        kind = name.split("/")[0]
        right = {
            colour: frozenset(
                other
                for other, seen in colours.items()
                if other != name and other.startswith(f"{kind}/") and colour in seen
            )
            for colour in BASIC
            if colour not in own
        }
        known = [colour for colour in right if own and len(right[colour]) >= 2]
        if known:
            colour = known[int(random.integers(len(known)))]
            yield name, colour, right[colour]

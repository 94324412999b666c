"""Precision at 10 over the shop of 2 000 garments, and over real photographs of clothes where there are some.

A composed query is a garment and "in COLOUR"; a hit is right if it is of that kind and in that colour. One in ninety of
the shop is. Colours are put on by us, kinds are the labels of Fashion-MNIST.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fieldglass
from benchmarks.table import Row
from fieldglass.collection import Collection
from fieldglass_fashion.demo import COLOURS, write_shop

_ENCODERS = ("mini", "fashion/mini")
_COMPOSED = ("image", "text", "sum", "weicom", "fashion/edits")
_WORDS = {"T-shirts": "a T-shirt", "Trousers": "trousers", "Pullovers": "a pullover", "Dresses": "a dress",
          "Coats": "a coat", "Sandals": "a sandal", "Shirts": "a shirt", "Sneakers": "a sneaker", "Bags": "a handbag",
          "Boots": "an ankle boot"}  # fmt: skip
_K = 10


def rows(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="fieldglass-bench-") as name:
        root = write_shop(Path(name) / "shop", 330 if quick else 0)
        for encoder in _ENCODERS:
            made = fieldglass.create(Path(name) / f"{encoder.replace('/', '-')}.collection", encoder)
            with made:
                made.index(root, loader="fashion/catalogue", loader_options={"pictures": "pictures"})
                yield from measured(made, 20 if quick else 100)
        data = os.environ.get("FIELDGLASS_DATA")
        if data and (Path(data) / "clothing").is_dir():
            with fieldglass.create(Path(name) / "photos.collection", "fashion/mini") as made:
                made.index(Path(data) / "clothing", limit=60 if quick else None)
                yield from _photographs(made)


def measured(made: Collection, count: int) -> Iterator[Row]:
    """Composed queries by each composer, then kinds by words and by picture."""
    encoder = made.field.encoder
    snapshot = made.store.snapshot()
    live = snapshot.live_positions()
    cells = snapshot.metadata(live)
    random = np.random.default_rng(0)
    asked = [
        (cells[row]["article"], cells[row]["category"], _another(cells[row]["color"], random))
        for row in random.choice(len(live), min(count, len(live)), replace=False).tolist()
    ]
    found: dict[str, float] = {}
    for composer in _COMPOSED:
        found[composer] = _precision(
            made,
            [
                ({"like": like, "text": f"in {colour}", "composer": composer, "exclude": [like]}, _both(kind, colour))
                for like, kind, colour in asked
            ],
        )
    parts = max(found["image"], found["text"])
    for composer in _COMPOSED[2:]:
        bar, met = ("-", None) if encoder == "mini" else (f"> {parts:.3f}, the better part", found[composer] > parts)
        yield Row(
            f"garment and “in COLOUR”, {encoder}, {composer}: P@{_K}", bar, f"{found[composer]:.3f}", met,
            f"{len(asked)} queries; the picture alone {found['image']:.3f}, the words alone {found['text']:.3f}",
        )  # fmt: skip
    kinds = sorted({each["category"] for each in cells})
    words = [({"text": _WORDS[kind]}, _is("category", kind)) for kind in kinds]
    coloured = [
        ({"text": f"{_WORDS[kind].removeprefix('a ').removeprefix('an ')} in {colour}"}, _both(kind, colour))
        for kind in kinds
        for colour in list(COLOURS)[:: 2 if count > 50 else 4]
    ]
    pictures = [({"like": like, "exclude": [like]}, _is("category", kind)) for like, kind, _ in asked]
    for what, queries in (("a kind in words", words), ("a kind and a colour in words", coloured),
                          ("a garment, for others of its kind", pictures)):  # fmt: skip
        yield Row(
            f"{what}, {encoder}: P@{_K}", "-", f"{_precision(made, queries):.3f}", None, f"{len(queries)} queries"
        )


def _photographs(made: Collection) -> Iterator[Row]:
    """Real photographs in folders of their kinds: others of the kind, by picture and by words."""
    snapshot = made.store.snapshot()
    live = snapshot.live_positions()
    cells = dict(zip(snapshot.ids(live), snapshot.metadata(live), strict=True))
    kinds = sorted({each["folder"] for each in cells.values()})
    words = [({"text": f"a photo of {kind.replace('-', ' ')}"}, _is("folder", kind)) for kind in kinds]
    pictures = [({"like": id, "exclude": [id]}, _is("folder", each["folder"])) for id, each in cells.items()]
    for what, queries in (("a kind in words", words), ("a photograph, for others of its kind", pictures)):
        yield Row(
            f"{what}, {len(cells)} real photographs, {made.field.encoder}: P@{_K}", "-",
            f"{_precision(made, queries):.3f}", None, f"{len(queries)} queries",
        )  # fmt: skip


def _precision(made: Collection, queries: list[tuple[dict[str, Any], Callable[[Any], bool]]]) -> float:
    shares = []
    for asked, right in queries:
        hits = made.search(**asked, k=_K)
        shares.append(sum(right(hit.metadata) for hit in hits) / _K)
    return float(np.mean(shares))


def _another(colour: str, random: np.random.Generator) -> str:
    return str(random.choice([each for each in COLOURS if each != colour]))


def _both(kind: str, colour: str) -> Callable[[Any], bool]:
    return lambda cells: cells["category"] == kind and cells["color"] == colour


def _is(name: str, value: str) -> Callable[[Any], bool]:
    return lambda cells: cells[name] == value

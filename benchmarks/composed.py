"""Composers on real garments with `mini`: a picture of one kind and the name of another, after the protocol of mini.

The answers are the tenth of the named kind that is nearest to the reference in colour histogram: a stand-in for "the
same, but ...", independent of what the encoder sees. Besides, P(B): how many of the first ten are of the named kind.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

import fieldglass
from benchmarks.table import Row
from fieldglass.benchmarks.loader import read
from fieldglass.evaluation.run import evaluate
from fieldglass.evaluation.tally import Tally
from fieldglass.metrics import average_precision, bootstrap, hit_ranks, precision_at
from fieldglass.types import Card, Item, Query, QueryImage, QueryText

NAMES = {"longsleeve": "a long-sleeved shirt", "outwear": "outerwear", "t-shirt": "a t-shirt", "hat": "a hat"}
SETTINGS = ("image", "text", "sum", "slerp", "weicom")


class Garments:
    """341 photographs of ten kinds; every other photograph is a reference, with one other kind named."""

    card = Card("garments", "real garments: a picture of one kind, the name of another")
    depth = None
    calibrate = "all"

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def items(self) -> list[Item]:
        found = sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*.jpg"))
        return [Item(name, (name,), metadata={"kind": name.split("/")[0]}) for name in found]

    @cached_property
    def histograms(self) -> np.ndarray:
        """(n, 512) float64, 8 x 8 x 8 colours, each row of sum 1."""
        rows = []
        for sample in read(self.items, self.root, pixels=64):
            colours = (sample.content[..., :3].reshape(-1, 3) >> 5).astype(np.int64) @ (64, 8, 1)
            rows.append(np.bincount(colours, minlength=512) / len(colours))
        return np.array(rows)

    @cached_property
    def cases(self) -> dict[str, tuple[int, str]]:
        kinds = sorted({item.metadata["kind"] for item in self.items})
        random = np.random.default_rng(0)
        found = {}
        for number in range(0, len(self.items), 2):
            others = [kind for kind in kinds if kind != self.items[number].metadata["kind"]]
            found[self.items[number].id] = number, others[int(random.integers(len(others)))]
        return found

    def gallery(self) -> Iterator[Item]:
        yield from self.items

    def queries(self) -> Iterator[Query]:
        for id, (_, kind) in self.cases.items():
            text = NAMES.get(kind, kind)
            yield Query((QueryImage(id),), (QueryText(text),), exclude=frozenset([id]), id=id)

    def judge(self, pairs) -> dict[str, float]:
        self.tally = Tally()
        for query, ranking in pairs:
            number, kind = self.cases[query.id]
            members = [place for place, item in enumerate(self.items) if item.metadata["kind"] == kind]
            overlap = np.minimum(self.histograms[members], self.histograms[number]).sum(axis=1)
            nearest = np.argsort(-overlap, kind="stable")[: max(1, round(len(members) / 10))]
            answers = {self.items[members[place]].id for place in nearest}
            ranks = hit_ranks(ranking.ids, answers)
            self.tally.add("mAP+", query.id, average_precision(ranks, len(answers)))
            right = hit_ranks(ranking.ids, {self.items[place].id for place in members})
            self.tally.add("P(B)", query.id, precision_at(right, 10))
        return {name: 100 * self.tally.mean(name) for name in self.tally.metrics}


def rows(quick: bool = False) -> Iterator[Row]:
    """One a composer, with the 95 % interval of mAP+."""
    data = os.environ.get("FIELDGLASS_DATA", "")
    root = Path(data) / "clothing"
    if not data or not root.is_dir():
        yield Row("composers on garments", "-", "not measured", None, "FIELDGLASS_DATA has no clothing folder")
        return
    with tempfile.TemporaryDirectory() as folder, fieldglass.create(Path(folder) / "g.collection", "mini") as made:
        made.index(root)
        made.build()
        for composer in ("text", "weicom") if quick else SETTINGS:
            benchmark = Garments(root)
            found = evaluate(benchmark, made, composer=composer)
            low, high = bootstrap(benchmark.tally.values("mAP+"))
            figures = f"mAP+ {found.metrics['mAP+']:.1f} ({100 * low:.1f} to {100 * high:.1f}), "
            yield Row(
                f"{composer} on 341 garments, mini, {found.answered} queries", "-",
                f"{figures}P(B) {found.metrics['P(B)']:.1f}", None,
            )  # fmt: skip

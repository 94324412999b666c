"""`fieldglass train combiner` on real garments with `mini`, and what the network finds that was never shown to it.

Triplets are made of every second photograph: the reference, the name of another kind, and what is nearest to the
reference in colour among the photographs of that kind that are for training too. The queries are those of
`benchmarks.composed`: none of their references was seen, and half of the gallery was not.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import fieldglass
from benchmarks.composed import NAMES, Garments
from benchmarks.table import Row
from fieldglass.evaluation.run import evaluate
from fieldglass.metrics import bootstrap
from fieldglass.training import train

SETTINGS = {"plain": {}, "bank": {"bank": True}, "uncertainty": {"uncertainty": 1.0}}


def triplets(garments: Garments, path: Path) -> int:
    """Write them; how many."""
    kinds = [item.metadata["kind"] for item in garments.items]
    rows = []
    for number in range(1, len(kinds), 2):
        for kind in sorted(set(kinds) - {kinds[number]}):
            members = [place for place in range(1, len(kinds), 2) if kinds[place] == kind]
            overlap = np.minimum(garments.histograms[members], garments.histograms[number]).sum(axis=1)
            for place in np.argsort(-overlap, kind="stable")[: max(1, round(len(members) / 10))]:
                target = garments.items[members[place]].id
                rows.append((garments.items[number].id, NAMES.get(kind, kind), target))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("reference", "text", "target"), *rows])
    return len(rows)


def rows(quick: bool = False) -> Iterator[Row]:
    """The composers without training, then the networks; mAP+ with its 95 % interval, and P(B)."""
    data = os.environ.get("FIELDGLASS_DATA", "")
    root = Path(data) / "clothing"
    if not data or not root.is_dir():
        yield Row("training on garments", "-", "not measured", None, "FIELDGLASS_DATA has no clothing folder")
        return
    with tempfile.TemporaryDirectory() as name, fieldglass.create(Path(name) / "g.collection", "mini") as made:
        folder = Path(name)
        made.index(root)
        made.build()
        count = triplets(Garments(root), folder / "triplets.csv")
        for composer in ("sum", "weicom"):
            yield measured(made, root, composer, composer, {})
        for setting in ["plain"] if quick else SETTINGS:
            options = {
                "triplets": str(folder / "triplets.csv"),
                "collection": str(made.path),
                "lr": 1e-4,
                "batch": 256,
                "epochs": 4 if quick else 20,
                "metric": "R@10",
                **SETTINGS[setting],
            }
            begun = time.monotonic()
            found = train("combiner", folder / setting, options)
            seconds = time.monotonic() - begun
            lines = [json.loads(line) for line in (folder / setting / "log.jsonl").read_text().splitlines()]
            losses = [line["mean loss"] for line in lines if "mean loss" in line]
            yield measured(
                made, root, f"combiner, {setting}, trained on {count} triplets", "combiner",
                {"weights": found.weights},
                f"{found.at.epoch} epochs in {seconds:.0f} s; loss {losses[0]:.2f} to {losses[-1]:.2f}; validation "
                f"R@10 {found.best:.1f} after epoch {found.best_epoch + 1}",
            )  # fmt: skip


def measured(made, root: Path, what: str, composer: str, options: dict, note: str = "") -> Row:
    """One row of the table."""
    benchmark = Garments(root)
    found = evaluate(benchmark, made, composer=composer, options=options)
    low, high = bootstrap(benchmark.tally.values("mAP+"))
    figures = (
        f"mAP+ {found.metrics['mAP+']:.1f} ({100 * low:.1f} to {100 * high:.1f}), P(B) {found.metrics['P(B)']:.1f}"
    )
    return Row(f"{what}, {found.answered} queries, mini", "-", figures, None, note)

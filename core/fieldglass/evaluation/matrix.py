"""Encoders times composers: table, plot, and the paired comparison of two runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass.errors import MissingExtraError, UsageError
from fieldglass.evaluation.significance import compare

__all__ = ["Cell", "markdown", "paired", "plot", "table"]


@dataclass(frozen=True)
class Cell:
    """One pair and its result."""

    encoder: str
    composer: str
    result: Mapping[str, Any]

    @property
    def file(self) -> str:
        """A file name for it."""
        return re.sub(r"[^\w.=-]+", "_", f"{self.encoder}-{self.composer}")


def table(cells: Sequence[Cell]) -> tuple[list[str], list[list[Any]]]:
    """Column names and one row a pair: encoder, composer, every metric."""
    metrics = list(dict.fromkeys(name for cell in cells for name in cell.result["metrics"]))
    rows = [
        [cell.encoder, cell.composer, *(cell.result["metrics"].get(name, float("nan")) for name in metrics)]
        for cell in cells
    ]
    return ["encoder", "composer", *metrics], rows


def markdown(cells: Sequence[Cell]) -> str:
    """The table with 95 % intervals, for a page; the subset under it where it is one."""
    columns, rows = table(cells)
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * 2}{'---:|' * (len(columns) - 2)}"]
    for cell, row in zip(cells, rows, strict=True):
        shown = []
        for name, value in zip(columns[2:], row[2:], strict=True):
            interval = cell.result["intervals"].get(name)
            shown.append(f"{value:.1f}" + (f" ({interval[0]:.1f} to {interval[1]:.1f})" if interval else ""))
        lines.append(f"| {' | '.join([*map(str, row[:2]), *shown])} |")
    for subset in dict.fromkeys(cell.result["subset"] for cell in cells if cell.result["subset"]):
        lines += ["", f"Subset: {subset}."]
    return "\n".join(lines) + "\n"


def plot(cells: Sequence[Cell], metric: str, path: Path) -> None:
    """Bars of one metric, grouped by encoder, with 95 % intervals. MissingExtraError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("The plot needs matplotlib.", hint="pip install 'fieldglass[plot]'") from error
    encoders = list(dict.fromkeys(cell.encoder for cell in cells))
    composers = list(dict.fromkeys(cell.composer for cell in cells))
    figure = Figure(figsize=(max(5.0, 0.9 * len(cells) + 2), 4.0), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(encoders)
    for number, encoder in enumerate(encoders):
        mine = [cell for cell in cells if cell.encoder == encoder]
        places = [composers.index(cell.composer) + (number - (len(encoders) - 1) / 2) * width for cell in mine]
        values = [cell.result["metrics"].get(metric, 0.0) for cell in mine]
        known = [cell.result["intervals"].get(metric) for cell in mine]
        spans = [span or (value, value) for span, value in zip(known, values, strict=True)]
        errors = [
            [max(0.0, value - low) for value, (low, _) in zip(values, spans, strict=True)],
            [max(0.0, high - value) for value, (_, high) in zip(values, spans, strict=True)],
        ]
        axes.bar(places, values, width, yerr=errors, label=encoder, capsize=2)
    axes.set_xticks(range(len(composers)), composers, rotation=30, ha="right")
    axes.set_ylabel(metric)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def paired(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per metric that both have by query: both means in percent, or plain where it is no share, their difference, its
    interval and p-value.

    Queries that only one run answered do not count. UsageError for two benchmarks, or where nothing is common.
    """
    names = first["benchmark"]["name"], second["benchmark"]["name"]
    if names[0] != names[1]:
        raise UsageError(f"One run is of {names[0]}, the other of {names[1]}.", hint="Compare runs of one benchmark.")
    rows = []
    for metric, values in first["values"].items():
        others = second["values"].get(metric, {})
        common = [query for query in values if query in others]
        if not common:
            continue
        ours = [float(values[query]) for query in common]
        theirs = [float(others[query]) for query in common]
        found = compare(ours, theirs)
        scale = 1 if metric in first.get("plain", ()) else 100
        rows.append(
            {
                "metric": metric,
                "first": scale * sum(ours) / len(ours),
                "second": scale * sum(theirs) / len(theirs),
                "difference": scale * found.mean,
                "low": scale * found.low,
                "high": scale * found.high,
                "p": found.p,
                "queries": found.queries,
            }
        )
    if not rows:
        raise UsageError("The two runs have no query in common.", hint="Run both on the same split.")
    return rows

"""One row of `benchmarks/RESULTS.md`: what was measured, the bar, the figure, and whether it was met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Row", "markdown"]


@dataclass(frozen=True)
class Row:
    """A measured figure beside its bar; `met` is None where there is no bar, or it could not be measured here."""

    what: str
    bar: str
    measured: str
    met: bool | None
    note: str = ""


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | bar | measured | met | note |", "|---|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "**no**", None: "-"}[row.met]
        cells = (row.what, row.bar, row.measured, met, row.note)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"

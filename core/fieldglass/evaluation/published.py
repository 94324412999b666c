"""Sets the rows of the papers beside ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fieldglass.benchmarks.cards import Row
from fieldglass.types import Card

__all__ = ["Line", "comparison", "rows_for"]


@dataclass(frozen=True)
class Line:
    """One metric: ours, the paper's where it prints it, and the difference."""

    metric: str
    ours: float
    paper: float | None

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's."""
        return None if self.paper is None else self.ours - self.paper


def rows_for(card: Card, composer: str, encoder_options: Mapping[str, Any], split: str) -> list[Row]:
    """The published rows of a method: those with our backbone if there are any, else with whichever.

    A backbone is told from the encoder's `model` option: "ViT-B-32" and "B/32" are the same.
    """
    rows = [row for row in getattr(card, "rows", ()) if row.method == composer]
    ours = _plain(str(encoder_options.get("model", "")))
    for narrower in (
        [row for row in rows if ours and _plain(row.backbone) and ours.startswith(_plain(row.backbone))],
        [row for row in rows if not row.split or row.split == split],
    ):
        rows = [row for row in rows if row in narrower] or rows
    return rows


def comparison(metrics: Mapping[str, float], row: Row | None) -> list[Line]:
    """Every metric of ours, with the paper's where there is one."""
    return [Line(name, value, None if row is None else row.metrics.get(name)) for name, value in metrics.items()]


def _plain(backbone: str) -> str:
    return re.sub(r"[^a-z0-9]", "", backbone.lower().removeprefix("vit"))

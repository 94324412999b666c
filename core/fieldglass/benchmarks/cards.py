"""Reads the cards of benchmarks: TOML files in `cards/` of this package and in `benchmark_cards/` of each plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from fieldglass.card_files import card_named, read_cards
from fieldglass.types import Card

__all__ = ["BenchmarkCard", "Row", "card", "cards"]

EVIDENCE = ("paper", "secondary")


@dataclass(frozen=True)
class Row:
    """One row of a paper's table: the method, the backbone, where it is printed, and its numbers by metric.

    `evidence` is "paper" where the number was read in the source itself (or in its authors' repository), and
    "secondary" where it was read in another publication that repeats it. ValueError for any other word.
    """

    method: str
    backbone: str
    source: str
    metrics: Mapping[str, float]
    split: str = ""
    evidence: str = "paper"

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE:
            raise ValueError(f"evidence is {' or '.join(EVIDENCE)}, not {self.evidence!r}")


@dataclass(frozen=True)
class BenchmarkCard(Card):
    """What is known of a benchmark.

    `files` pins the official files by sha256, `counts` what they hold ("val queries"), `layout` says how a folder
    given by --root looks, `rows` are published results, of which `published` repeats the first.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    layout: str = ""
    rows: tuple[Row, ...] = ()


_KEYS = frozenset(each.name for each in fields(BenchmarkCard)) - {"published"}


@cache
def cards() -> dict[str, BenchmarkCard]:
    """Every benchmark card by name, sorted."""
    return read_cards(Path(__file__).parent / "cards", "benchmark_cards", "benchmark", _KEYS, _made)


def card(name: str) -> BenchmarkCard:
    """The card of that name, or UnknownNameError with the near matches."""
    return card_named(name, cards(), "benchmark", "fieldglass bench cards")


def _made(content: dict[str, Any]) -> BenchmarkCard:
    rows = tuple(Row(**each) for each in content.pop("rows", ()))
    return BenchmarkCard(**content, rows=rows, published=rows[0].metrics if rows else {})

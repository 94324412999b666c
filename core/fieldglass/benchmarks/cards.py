"""Reads the cards of benchmarks: TOML files in `cards/` of this package and in `benchmark_cards/` of each plugin."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fieldglass.errors import PluginError, UnknownNameError
from fieldglass.registry import registry
from fieldglass.types import Card

__all__ = ["BenchmarkCard", "Row", "card", "cards"]


@dataclass(frozen=True)
class Row:
    """One row of a paper's table: the method, the backbone, where it is printed, and its numbers by metric."""

    method: str
    backbone: str
    source: str
    metrics: Mapping[str, float]
    split: str = ""


@dataclass(frozen=True)
class BenchmarkCard(Card):
    """What is known of a benchmark.

    `files` pins the official files by sha256, `counts` what they hold ("val queries"), `layout` says how a folder
    given by --root looks, `rows` are published results, of which `published` repeats the first.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    layout: str = ""
    rows: tuple[Row, ...] = ()


_KEYS = {each.name for each in fields(BenchmarkCard)} - {"published"}


@cache
def cards() -> dict[str, BenchmarkCard]:
    """Every benchmark card by name, sorted."""
    found: dict[str, BenchmarkCard] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.toml")):
            each = _read(path)
            if each.name in found:
                raise PluginError(f"There are two benchmark cards {each.name!r}; one is {path}.")
            found[each.name] = each
    return dict(sorted(found.items()))


def card(name: str) -> BenchmarkCard:
    """The card of that name, or UnknownNameError with the near matches."""
    found = cards()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise UnknownNameError(f"There is no benchmark card {name!r}.", hint=f"{hint}`fieldglass bench cards` lists all.")


def _folders() -> Iterator[Path]:
    yield Path(__file__).parent / "cards"
    working = {plugin.name for plugin in registry().plugins if not plugin.broken}
    packages = {point.module.partition(".")[0] for point in entry_points(group="fieldglass") if point.name in working}
    for package in sorted(packages):
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place) / "benchmark_cards"


def _read(path: Path) -> BenchmarkCard:
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        unknown = set(content) - _KEYS
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(unknown))}; a card has {', '.join(sorted(_KEYS))}")
        rows = tuple(Row(**each) for each in content.pop("rows", ()))
        return BenchmarkCard(**content, rows=rows, published=rows[0].metrics if rows else {})
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"The benchmark card {path} cannot be read: {error}.") from error

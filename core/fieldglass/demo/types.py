"""What a demo is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldglass.report import Cards

__all__ = ["Demo"]


@dataclass(frozen=True)
class Demo:
    """A source to index and the searches to run on it.

    Each of `searches` holds the keyword arguments of one `Collection.search`; `intro` goes under the
    title of the page and says where the pictures come from. With `map` the hits of the
    first search are shown on a map, too. `cards` are how its domain shows hits.
    """

    title: str
    source: Path
    searches: tuple[Mapping[str, Any], ...]
    intro: str = ""
    encoder: str = "mini"
    encoder_options: Mapping[str, Any] = field(default_factory=dict)
    loader: str = "files"
    loader_options: Mapping[str, Any] = field(default_factory=dict)
    map: bool = False
    cards: Cards | None = None

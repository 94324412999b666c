"""Reads the cards: TOML files in the `cards/` folder of the core's models and of each plugin's package."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fieldglass.errors import PluginError, UnknownNameError
from fieldglass.registry import registry
from fieldglass.types import Card

__all__ = ["card", "cards", "composer_defaults"]

_KEYS = {field.name for field in fields(Card)}


@cache
def cards() -> dict[str, Card]:
    """Every card by name, sorted. A card named as its family, without a source, holds what its others share."""
    found: dict[str, Card] = {}
    origin: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.toml")):
            each = _read(path)
            if each.name in found:
                raise PluginError(f"The model card {each.name!r} is in {origin[each.name]} and in {path}.")
            found[each.name], origin[each.name] = each, path
    return dict(sorted(found.items()))


def card(name: str) -> Card:
    """The card of that name, or UnknownNameError with the near matches."""
    found = cards()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise UnknownNameError(f"There is no model card {name!r}.", hint=f"{hint}`fieldglass models list` shows all.")


def composer_defaults(encoder: str, options: Mapping[str, Any], composer: str) -> dict[str, Any]:
    """Options that suit a composer with a model: those of the card that says most about the encoder's options."""
    fitting = [
        each
        for each in cards().values()
        if each.family == encoder and all(str(options.get(key)) == str(value) for key, value in each.options.items())
    ]
    defaults: dict[str, Any] = {}
    for each in sorted(fitting, key=lambda each: len(each.options)):
        defaults |= each.composers.get(composer, {})
    return defaults


def _folders() -> Iterator[Path]:
    yield Path(__file__).parent / "cards"
    working = {plugin.name for plugin in registry().plugins if not plugin.broken}
    packages = {point.module.partition(".")[0] for point in entry_points(group="fieldglass") if point.name in working}
    for package in sorted(packages):
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place) / "cards"


def _read(path: Path) -> Card:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        unknown = set(content) - _KEYS
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(unknown))}; a card has {', '.join(sorted(_KEYS))}")
        return Card(**content)
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"The model card {path} cannot be read: {error}.") from error

"""What cards of any kind share: TOML files in a folder of the core and in one of each plugin's package."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from fieldglass.errors import PluginError, UnknownNameError
from fieldglass.registry import registry
from fieldglass.types import Card

__all__ = ["card_named", "read_cards"]

C = TypeVar("C", bound=Card)


def read_cards(
    folder: Path, of_plugins: str, kind: str, keys: frozenset[str], make: Callable[[dict[str, Any]], C]
) -> dict[str, C]:
    """Every card by name, sorted, from `folder` and from the folder `of_plugins` of each plugin that works.

    `make` turns what a file says into a card; `keys` are those that a file may have. PluginError, with the path,
    where a file cannot be read or a name is there twice.
    """
    found: dict[str, C] = {}
    origin: dict[str, Path] = {}
    for place in (folder, *_folders(of_plugins)):
        for path in sorted(place.glob("*.toml")):
            each = _read(path, kind, keys, make)
            if each.name in found:
                raise PluginError(f"The {kind} card {each.name!r} is in {origin[each.name]} and in {path}.")
            found[each.name], origin[each.name] = each, path
    return dict(sorted(found.items()))


def card_named(name: str, found: Mapping[str, C], kind: str, command: str) -> C:
    """The card of that name, or UnknownNameError with the near matches and the command that lists all."""
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise UnknownNameError(f"There is no {kind} card {name!r}.", hint=f"{hint}`{command}` lists all.")


def _folders(name: str) -> Iterator[Path]:
    working = {plugin.name for plugin in registry().plugins if not plugin.broken}
    packages = {point.module.partition(".")[0] for point in entry_points(group="fieldglass") if point.name in working}
    for package in sorted(packages):
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place) / name


def _read(path: Path, kind: str, keys: frozenset[str], make: Callable[[dict[str, Any]], C]) -> C:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        unknown = set(content) - keys
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(unknown))}; a card has {', '.join(sorted(keys))}")
        return make(content)
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"The {kind} card {path} cannot be read: {error}.") from error

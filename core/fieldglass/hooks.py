"""What a plugin can add to Fieldglass: ten hooks, each returning promises, never objects.

A hook module imports nothing but this one, so that `fieldglass --help` stays quick::

    from fieldglass.hooks import Offer, hookimpl

    @hookimpl
    def fieldglass_encoders():
        return [Offer("histology/phikon", "fieldglass_histology.encoder:Phikon", "Phikon ViT-B/16")]

and is named in the distribution's `pyproject.toml`::

    [project.entry-points.fieldglass]
    histology = "fieldglass_histology.hooks"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from fieldglass.types import Item

__all__ = ["Offer", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("fieldglass")
hookimpl = pluggy.HookimplMarker("fieldglass")


@dataclass(frozen=True)
class Offer:
    """A promise of an object: its name, where to import its factory, and one line of help.

    `factory` is `"package.module:Name"`, imported on first use; its keyword parameters are
    the options of `--set name=value`. `provides` names capabilities, so that "which encoders
    can do this" imports nothing.
    """

    name: str
    factory: str
    summary: str
    provides: frozenset[str] = frozenset()


@hookspec
def fieldglass_encoders() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Encoders: pictures, texts or places to vectors. Called once, at the first look-up."""


@hookspec
def fieldglass_composers() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Composers: a query of several parts to probes. Called once, at the first look-up."""


@hookspec
def fieldglass_indexes() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Indexes: vectors to candidate rows. Called once, at the first look-up."""


@hookspec
def fieldglass_loaders() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Loaders: a folder or file to items and samples. Called once, at the first look-up."""


@hookspec
def fieldglass_rerankers() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Rerankers: a better order of the first hits. Called once, at the first look-up."""


@hookspec
def fieldglass_benchmarks() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Benchmarks: gallery, queries and judge of a published protocol. Called once, at the first look-up."""


@hookspec
def fieldglass_recipes() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Recipes: what `fieldglass train` trains (`fieldglass.interfaces.Recipe`). Called once, at the first look-up."""


@hookspec
def fieldglass_commands() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Commands: the factory is a click command or group; the offer's name is the word typed."""


@hookspec
def fieldglass_demos() -> Iterable[Offer]:  # type: ignore[empty-body]
    """Demos: the factory is `(folder: Path) -> Demo`, see `fieldglass.demo`."""


@hookspec
def fieldglass_metadata(  # type: ignore[empty-body]
    item: Item, paths: tuple[Path, ...], options: Mapping[str, str]
) -> Mapping[str, Any]:
    """Typed columns to add to one item; called for new and changed items, and by `refresh`.

    :param item: the item as its loader described it.
    :param paths: its files, absolute, in the order of `item.paths`.
    :param options: what the collection keeps for this plugin, of `fieldglass index --metadata PLUGIN.NAME=VALUE`.
        It is called once with an item without files to refuse, by a UsageError, what it does not know.
    """

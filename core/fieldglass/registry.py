"""Finds plugins, keeps what they offer, and turns a name into an object on first use.

Entry points of the group `fieldglass` are loaded one by one: a plugin that cannot be loaded is
kept with its reason (`Plugin.broken`), and everything else works. The core's own offers come
through the same hooks (`fieldglass.builtin`).
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import pluggy

from fieldglass import hooks
from fieldglass.errors import MissingExtraError, PluginError, UnknownNameError
from fieldglass.hooks import Offer

if TYPE_CHECKING:
    from pathlib import Path

    from fieldglass.types import Item

__all__ = ["KINDS", "Plugin", "Registry", "registry"]

KINDS = (
    "encoders",
    "composers",
    "indexes",
    "loaders",
    "rerankers",
    "benchmarks",
    "recipes",
    "commands",
    "demos",
)
_HOOKS = {name for name in vars(hooks) if name.startswith("fieldglass_")}


@dataclass(frozen=True)
class Plugin:
    """One entry point: its name, distribution, the hooks it fills, and why it is broken, if it is."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...] = ()
    broken: str = ""


class Registry:
    """The offers of every working plugin, by kind and name."""

    def __init__(self, modules: Iterable[tuple[EntryPoint, Distribution]] | None = None) -> None:
        self._pm = pluggy.PluginManager("fieldglass")
        self._pm.add_hookspecs(hooks)
        if os.environ.get("FIELDGLASS_TRACE"):
            self._pm.add_hookcall_monitoring(_trace, lambda *_: None)
        self.plugins: list[Plugin] = []
        self._offers: dict[str, dict[str, Offer]] = {kind: {} for kind in KINDS}
        self._owner: dict[tuple[str, str], str] = {}
        core = import_module("fieldglass.builtin")
        self._add("core", core, "fieldglass", _core_version())
        for point, dist in _entry_points() if modules is None else modules:
            name, version = dist.metadata["Name"], dist.version
            try:
                module = point.load()
            except Exception as error:  # whatever a plugin does at import is its own fault
                self._refuse(point.name, name, version, f"{type(error).__name__}: {error}")
            else:
                self._add(point.name, module, name, version)

    def _add(self, name: str, module: ModuleType, distribution: str, version: str) -> None:
        unknown = [
            key for key, value in vars(module).items() if key not in _HOOKS and hasattr(value, "fieldglass_impl")
        ]
        if unknown:
            near = difflib.get_close_matches(unknown[0], _HOOKS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            self._refuse(name, distribution, version, f"there is no hook {unknown[0]!r}{hint}")
            return
        filled = tuple(sorted(key for key in _HOOKS if hasattr(vars(module).get(key), "fieldglass_impl")))
        try:
            offers = {kind: self._ask(name, module, kind) for kind in KINDS}
            self._pm.register(module, name)
            self._pm.check_pending()
        except Exception as error:
            if self._pm.is_registered(module):
                self._pm.unregister(module)
            self._refuse(name, distribution, version, f"{error}")
            return
        for kind, found in offers.items():
            for offer in found:
                self._offers[kind][offer.name] = offer
                self._owner[kind, offer.name] = name
        self.plugins.append(Plugin(name, distribution, version, filled))

    def _ask(self, plugin: str, module: ModuleType, kind: str) -> list[Offer]:
        hook = vars(module).get(f"fieldglass_{kind}")
        offers = list(hook()) if hook is not None else []
        seen: set[str] = set()
        for offer in offers:
            if not isinstance(offer, Offer) or ":" not in offer.factory:
                raise PluginError(f"fieldglass_{kind} of plugin {plugin!r} returned {offer!r}, not an Offer.")
            owner = plugin if offer.name in seen else self._owner.get((kind, offer.name))
            if owner is not None:
                raise PluginError(f"{kind}: {offer.name!r} is offered by {owner!r} and by {plugin!r}.")
            seen.add(offer.name)
        return offers

    def _refuse(self, name: str, distribution: str, version: str, reason: str) -> None:
        self.plugins.append(Plugin(name, distribution, version, broken=reason))

    def offers(self, kind: str) -> dict[str, Offer]:
        """The offers of a kind, by name, sorted."""
        return dict(sorted(self._offers[_kind(kind)].items()))

    def owner(self, kind: str, name: str) -> str:
        """The plugin that offers a name."""
        return self._owner[_kind(kind), name]

    def get(self, kind: str, name: str) -> Offer:
        """The offer of that name, or UnknownNameError with the near matches."""
        offers = self._offers[_kind(kind)]
        family, _ = self._of_card(kind, name)
        if name in offers or family in offers:
            return offers[name if name in offers else family]
        one = kind.removesuffix("s") if kind != "indexes" else "index"
        near = difflib.get_close_matches(name, offers, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        broken = [plugin.name for plugin in self.plugins if plugin.broken]
        note = f" (Not loaded: {', '.join(broken)}; see `fieldglass doctor`.)" if broken else ""
        raise UnknownNameError(f"There is no {one} {name!r}.", hint=f"{hint}`fieldglass list {kind}` shows all.{note}")

    def factory(self, kind: str, name: str) -> Callable[..., Any]:
        """The imported factory of an offer; MissingExtraError says what to install."""
        offer = self.get(kind, name)
        module, _, attribute = offer.factory.partition(":")
        try:
            found: Callable[..., Any] = getattr(import_module(module), attribute)
        except MissingExtraError:
            raise
        except ImportError as error:
            raise MissingExtraError(
                f"{name!r} needs a package that cannot be imported: {error}.",
                hint="`fieldglass doctor` says which extra brings it.",
            ) from error
        except AttributeError as error:
            raise PluginError(
                f"{name!r} of plugin {self.owner(kind, name)!r} points to {offer.factory!r}, which does not exist."
            ) from error
        return found

    def create(self, kind: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
        """The object behind a name. Option values may be strings, as typed after `--set`.

        The name of a model card stands for its encoder with the card's options; those given go before them.
        """
        from fieldglass.options import coerce

        factory = self.factory(kind, name)
        return factory(**coerce(factory, name, {**self._of_card(kind, name)[1], **(options or {})}))

    def _of_card(self, kind: str, name: str) -> tuple[str, Mapping[str, Any]]:
        """The encoder and the options that a model card stands for; ("", {}) where the name is no card's."""
        if kind != "encoders" or name in self._offers[kind]:
            return "", {}
        from fieldglass.models import cards

        found = cards().get(name)
        return (found.family, found.options) if found and found.source else ("", {})

    def metadata(
        self, item: Item, paths: tuple[Path, ...], options: Mapping[str, Mapping[str, str]] | None = None
    ) -> Iterator[tuple[str, Mapping[str, Any] | Exception]]:
        """What each plugin's metadata hook adds to an item: (plugin, columns or the exception it raised).

        `options` are those of `fieldglass.ingest.hook_options`, by plugin.
        """
        for implementation in self._pm.hook.fieldglass_metadata.get_hookimpls():
            own = (options or {}).get(implementation.plugin_name, {})
            arguments: dict[str, Any] = {"item": item, "paths": paths, "options": own}
            try:
                given = [arguments[name] for name in implementation.argnames]
                found = cast("Mapping[str, Any] | None", implementation.function(*given))
            except Exception as error:  # a plugin's fault becomes a journal row of that item
                yield implementation.plugin_name, error
            else:
                yield implementation.plugin_name, found or {}


def _kind(kind: str) -> str:
    if kind in KINDS:
        return kind
    near = difflib.get_close_matches(kind, KINDS, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise UnknownNameError(f"There is no kind of offer {kind!r}.", hint=f"{hint}Kinds: {', '.join(KINDS)}.")


def _entry_points() -> Iterator[tuple[EntryPoint, Distribution]]:
    disabled = set(filter(None, os.environ.get("FIELDGLASS_DISABLED_PLUGINS", "").split(",")))
    seen: set[str] = set()
    for dist in distributions():
        for point in dist.entry_points:
            if point.group == "fieldglass" and point.name not in disabled | seen:
                seen.add(point.name)
                yield point, dist


def _core_version() -> str:
    from fieldglass import __version__

    return __version__


def _trace(hook_name: str, hook_impls: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
    called = ", ".join(implementation.plugin_name for implementation in hook_impls)
    sys.stderr.write(f"{hook_name}({', '.join(map(repr, kwargs.values()))}) -> {called}\n")


@cache
def registry() -> Registry:
    """The registry of this process, made at the first call."""
    return Registry()

"""Options of plugins' metadata hooks: kept with the collection, so that every later run and `refresh` obey them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fieldglass.errors import UnknownNameError, UsageError
from fieldglass.registry import registry
from fieldglass.store import Snapshot, Store
from fieldglass.types import Item

__all__ = ["keep_options", "kept_options", "parse_options"]

_PREFIX = "metadata."


def parse_options(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """ "geo.round_coords=3" -> {"geo": {"round_coords": "3"}}. UsageError where one is not of that form."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        plugin, dot, name = left.strip().partition(".")
        if not (equals and dot and plugin and name):
            raise UsageError(f"--metadata {text!r} is not PLUGIN.NAME=VALUE.", hint="Such as geo.round_coords=3.")
        found.setdefault(plugin, {})[name.replace("-", "_")] = value.strip()
    return found


def kept_options(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """The options that a collection keeps, by plugin."""
    found: dict[str, dict[str, str]] = {}
    for key, value in snapshot.properties.items():
        if key.startswith(_PREFIX):
            plugin, _, name = key.removeprefix(_PREFIX).partition(".")
            found.setdefault(plugin, {})[name] = value
    return found


def keep_options(store: Store, options: Mapping[str, Mapping[str, str]]) -> None:
    """Keep options; where that changes some, the items that are there are refreshed.

    UsageError where a plugin refuses one of its options; UnknownNameError where no plugin of that name has the hook.
    """
    from fieldglass.ingest.refreshing import refresh

    snapshot = store.snapshot()
    had = kept_options(snapshot)
    new = {plugin: {**had.get(plugin, {}), **own} for plugin, own in options.items()}
    answers = dict(registry().metadata(Item(""), (), {**had, **new}))
    for plugin in new:
        if plugin not in answers:
            raise UnknownNameError(
                f"No plugin {plugin!r} has a metadata hook.", hint=f"Those that have: {', '.join(sorted(answers))}."
            )
        answer = answers[plugin]
        if isinstance(answer, Exception):
            raise answer if isinstance(answer, UsageError) else UsageError(f"The plugin {plugin!r} says: {answer}")
    changed = {plugin: own for plugin, own in new.items() if own != had.get(plugin, {})}
    if not changed:
        return
    with store.writer("index") as writer:
        for plugin, own in changed.items():
            for name, value in own.items():
                writer.set_property(f"{_PREFIX}{plugin}.{name}", value)
    if snapshot.count:
        refresh(store)

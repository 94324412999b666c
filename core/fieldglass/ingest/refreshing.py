"""`refresh`: the metadata hooks of all plugins once more on every item, without decoding or encoding.

As when indexing, a column that the loader itself gives an item stands before what a hook says. The catalogue does not
hold which those are, so a source is scanned again where a hook contradicts what stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from fieldglass.errors import FieldglassError
from fieldglass.ingest.batch import hook_columns
from fieldglass.ingest.hook_options import kept_options
from fieldglass.loaders.paths import base_of
from fieldglass.registry import registry
from fieldglass.store import Snapshot, Source, Store
from fieldglass.types import Item, Problem

__all__ = ["refresh"]

_CHUNK = 500


def refresh(store: Store, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Run the hooks on every item and store what differs; how many items changed.

    `progress` is told (items done, items in all). A hook that fails on an item is a warning in the journal.
    """
    snapshot = store.snapshot()
    bases = {source.name: _base(source) for source in snapshot.sources.values()}
    positions = snapshot.live_positions()
    options = kept_options(snapshot)
    given = _Given()
    changed = 0
    with store.writer("refresh") as writer:
        for start in range(0, len(positions), _CHUNK):
            chunk = positions[start : start + _CHUNK]
            rows, faults = _chunk(snapshot, chunk, bases, options, given)
            changed += writer.put_metadata(rows, annotated=False).changed if rows else 0
            for source, problems in faults.items():
                writer.commit(snapshot.sources[source], problems=problems)
            if progress is not None:
                progress(start + len(chunk), len(positions))
        del snapshot
    return changed


class _Given:
    """The names of the columns that the loader gives each item, by source; each is scanned once, when first asked."""

    def __init__(self) -> None:
        self._sources: dict[str, dict[str, frozenset[str]]] = {}

    def __call__(self, source: Source, id: str) -> frozenset[str]:
        if source.name not in self._sources:
            self._sources[source.name] = _scanned(source)
        return self._sources[source.name].get(id, frozenset())


def _scanned(source: Source) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    kinds: dict[frozenset[str], frozenset[str]] = {}  # items of a source have much the same columns
    try:
        for each in registry().create("loaders", source.loader, source.options).scan(source.root):
            if isinstance(each, Item):
                names = frozenset(each.metadata)
                found[each.id] = kinds.setdefault(names, names)
    except (FieldglassError, OSError):
        return found  # it is gone, or can be read no more: nobody knows of the rest
    return found


def _chunk(
    snapshot: Snapshot,
    positions: Any,
    bases: Mapping[str, tuple[Path, bool]],
    options: Mapping[str, Mapping[str, str]],
    given: _Given,
) -> tuple[list[tuple[str, Mapping[str, Any]]], dict[str, list[Problem]]]:
    rows: list[tuple[str, Mapping[str, Any]]] = []
    faults: dict[str, list[Problem]] = {}
    for source, item in snapshot.items(positions):
        base, private = bases[source.name]
        columns, broken = hook_columns(item, base, options)
        id = source.collection_id(item.id)
        differ = {name: cell for name, cell in columns.items() if _stored(cell) != item.metadata.get(name)}
        if any(name in item.metadata for name in differ):
            own = given(source, item.id)
            differ = {name: cell for name, cell in differ.items() if name not in own}
        if differ:
            rows.append((id, differ))
        for plugin, error in broken:
            said = type(error).__name__ if private else f"{type(error).__name__}: {error}"
            problem = Problem(id, "metadata-error", f"Plugin {plugin!r}: {said}", severity="warning")
            faults.setdefault(source.name, []).append(problem)
    return rows, faults


def _base(source: Source) -> tuple[Path, bool]:
    loader = registry().create("loaders", source.loader, source.options)
    return base_of(loader, source.root), bool(getattr(loader, "private", False))


def _stored(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, date) else cell

"""`refresh`: the metadata hooks of all plugins once more on every item, without decoding or encoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from fieldglass.ingest.batch import hook_columns
from fieldglass.ingest.hook_options import kept_options
from fieldglass.loaders.paths import base_of
from fieldglass.registry import registry
from fieldglass.store import Snapshot, Source, Store
from fieldglass.types import Problem

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
    changed = 0
    with store.writer("refresh") as writer:
        for start in range(0, len(positions), _CHUNK):
            chunk = positions[start : start + _CHUNK]
            rows, faults = _chunk(snapshot, chunk, bases, options)
            changed += writer.put_metadata(rows, annotated=False).changed if rows else 0
            for source, problems in faults.items():
                writer.commit(snapshot.sources[source], problems=problems)
            if progress is not None:
                progress(start + len(chunk), len(positions))
        del snapshot
    return changed


def _chunk(
    snapshot: Snapshot,
    positions: Any,
    bases: Mapping[str, tuple[Path, bool]],
    options: Mapping[str, Mapping[str, str]],
) -> tuple[list[tuple[str, Mapping[str, Any]]], dict[str, list[Problem]]]:
    rows: list[tuple[str, Mapping[str, Any]]] = []
    faults: dict[str, list[Problem]] = {}
    for source, item in snapshot.items(positions):
        base, private = bases[source.name]
        columns, broken = hook_columns(item, base, options)
        id = source.collection_id(item.id)
        differ = {name: cell for name, cell in columns.items() if _stored(cell) != item.metadata.get(name)}
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

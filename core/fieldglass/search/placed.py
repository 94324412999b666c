"""Where the items lie, kept as arrays beside the segments: a million rows of the catalogue take seconds to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.store import Snapshot, Store
    from fieldglass.types import F64

__all__ = ["COLUMNS", "NAME", "numbers", "write"]

COLUMNS = ("west", "south", "east", "north", "lat", "lon")
NAME = "places"  # the derived file: (columns, size) float64
_FEW = 10_000  # items: fewer are read from the catalogue in no time


def numbers(snapshot: Snapshot, columns: Sequence[str]) -> F64:
    """What `Snapshot.numbers` gives, (size, n) float64, from the kept arrays where they are of this snapshot."""
    found = snapshot.derived(NAME)
    if found is None or found[1].get("version") != snapshot.version:
        return snapshot.numbers(columns)
    path, meta = found
    held = {name: row for row, name in enumerate(meta["columns"])}
    table = np.load(path, allow_pickle=False, mmap_mode="r")
    if table.shape != (len(held), snapshot.size) or table.dtype != np.float64:
        return snapshot.numbers(columns)
    made = np.full((len(columns), snapshot.size), np.nan)
    others = [at for at, name in enumerate(columns) if name not in held]
    for at, name in enumerate(columns):
        if name in held:
            made[at] = table[held[name]]
    if others:
        made[others] = snapshot.numbers([columns[at] for at in others]).T
    return made.T


def write(store: Store, say: Callable[[str], None]) -> list[str]:
    """Bring the arrays up to date where a collection has places and many items; the name of the file if it was written.

    They are good for one version of the catalogue, any change of a column makes them stale; so write them last.
    """
    snapshot = store.snapshot()
    held = [name for name in COLUMNS if name in snapshot.columns]
    found = snapshot.derived(NAME)
    if snapshot.count < _FEW or not held or (found is not None and found[1].get("version") == snapshot.version):
        return []
    say("places")
    table = np.ascontiguousarray(snapshot.numbers(held).T)

    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, table, allow_pickle=False)

    with store.writer("build places") as writer:
        if store.snapshot().version != snapshot.version:
            return []  # someone has written meanwhile, and will build again
        writer.write_derived(NAME, save, {"version": snapshot.version + 1, "columns": held})
    return [NAME]

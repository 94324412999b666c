"""Marks near duplicates in a collection: a column `near_duplicate`, the same for all pictures of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass_fashion.near_duplicates import WIDTH, groups, signature_of

if TYPE_CHECKING:
    from fieldglass.collection import Collection

__all__ = ["COLUMN", "mark_near_duplicates"]

COLUMN = "near_duplicate"
_ROWS = 4096


def mark_near_duplicates(collection: Collection) -> int:
    """Compare the previews of all pictures; how many groups span several products.

    The group is named by the id of its first item; items that are alone have none. 80 bytes a picture are held.
    """
    snapshot = collection.store.snapshot()
    live = snapshot.live_positions()
    if not len(live):
        return 0
    signatures = np.zeros((len(live), WIDTH), dtype=np.uint8)
    there = np.zeros(len(live), dtype=bool)
    for row, position in enumerate(live.tolist()):
        preview = snapshot.thumbnail(position)
        if preview:
            signatures[row] = signature_of(preview)
            there[row] = True
    rows = np.flatnonzero(there)
    first = np.arange(len(live))
    first[rows] = rows[groups(signatures[rows])]
    together = np.flatnonzero(np.bincount(first, minlength=len(live)) > 1)
    products: dict[int, set[str | None]] = {int(row): set() for row in together}
    members = np.flatnonzero(np.isin(first, together))
    for row, product in zip(members.tolist(), _groups(snapshot, live[members]), strict=True):
        products[int(first[row])].add(product)
    named = {row: name for row, name in zip(together.tolist(), snapshot.ids(live[together]), strict=True)}
    wanted = {row: name for row, name in named.items() if len(products[row]) > 1}
    _write(collection, snapshot, live, first, wanted)
    return len(wanted)


def _write(collection: Collection, snapshot: Any, live: Any, first: Any, wanted: dict[int, str]) -> None:
    """Put the names that are new, and empty those that are so no more."""
    old_known = COLUMN in snapshot.columns
    changed: list[tuple[str, dict[str, Any]]] = []
    for start in range(0, len(live), _ROWS):
        part = live[start : start + _ROWS]
        before = snapshot.group(COLUMN, part) if old_known else [None] * len(part)
        after = [wanted.get(int(row)) for row in first[start : start + _ROWS]]
        differ = [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        names = snapshot.ids(part[differ]) if differ else []
        changed += [(name, {COLUMN: after[n]}) for n, name in zip(differ, names, strict=True)]
    if changed:
        collection.set_metadata(changed)


def _groups(snapshot: Any, positions: Any) -> list[str | None]:
    found: list[str | None] = (
        snapshot.group("product", positions) if "product" in snapshot.columns else snapshot.ids(positions)
    )
    return found

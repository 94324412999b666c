"""Joining small adjacent segments, so that many small commits do not become many small files.

Positions stay. Segments fall into tiers by their rows; as soon as 32 neighbours of one tier (or lower)
stand together they become one of the next, so each row is copied a few times in all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fieldglass.store.adoption import SegmentRow
from fieldglass.store.listing import Listing
from fieldglass.store.records import Field
from fieldglass.store.rewriting import rewrite_arrays, rewrite_thumbs
from fieldglass.store.segments import FOLDER, THUMBS
from fieldglass.store.sweeping import retire

__all__ = ["LARGEST", "merge_rows", "plan_merges", "replace_segments"]

LARGEST = 256 << 20  # bytes of a merged file
_FAN = 32

Run = tuple[str, Sequence[Any]]  # field, adjacent segments


def plan_merges(listing: Listing, *, everything: bool) -> list[Run]:
    """Runs of neighbours to join: the full tiers, or all that is small."""
    runs: list[Run] = []
    for name, segments in [*listing.fields.items(), (THUMBS, listing.thumbs)]:
        for run in _adjacent(segments):
            chosen = _small(run) if everything else _full_tiers(run)
            runs += [(name, part) for part in chosen if len(part) > 1]
    return runs


def merge_rows(collection: Path, fields: Mapping[str, Field], runs: Sequence[Run], number: int) -> list[SegmentRow]:
    """Write the merged files, numbered from `number`."""
    rows = []
    for offset, (name, run) in enumerate(runs):
        parts = [(each, slice(None), each.count) for each in run]
        if name == THUMBS:
            rows.append(rewrite_thumbs(collection, number + offset, run[0].start, parts))
        else:
            rows.append(rewrite_arrays(collection, fields[name], number + offset, run[0].start, parts))
    return rows


def replace_segments(connection: sqlite3.Connection, old: Sequence[tuple[str, Any]]) -> None:
    """Inside a transaction: forget segments and retire their files."""
    connection.executemany(
        "DELETE FROM segment WHERE field = ? AND start = ?", ((name, each.start) for name, each in old)
    )
    retire(connection, [f"{FOLDER}/{each.path.name}" for _, each in old])


def _adjacent(segments: Sequence[Any]) -> Iterator[list[Any]]:
    run: list[Any] = []
    for segment in segments:
        if run and run[-1].stop != segment.start:
            yield run
            run = []
        run.append(segment)
    if run:
        yield run


def _small(run: Sequence[Any]) -> list[list[Any]]:
    """Groups of neighbours, none of them large, up to LARGEST each."""
    groups: list[list[Any]] = [[]]
    held = 0
    for segment in run:
        size = segment.sealed.size
        if size > LARGEST // 2:
            groups.append([])
            held = 0
            continue
        if held + size > LARGEST:
            groups.append([])
            held = 0
        groups[-1].append(segment)
        held += size
    return groups


def _full_tiers(run: Sequence[Any]) -> list[list[Any]]:
    """The newest neighbours of one tier, once there are 32 of them."""
    for tier in range(1, 5):
        tail: list[Any] = []
        for segment in reversed(run):
            if segment.count >= _FAN**tier or segment.sealed.size > LARGEST // _FAN:
                break
            tail.append(segment)
        if len(tail) >= _FAN:
            return [tail[::-1]]
    return []

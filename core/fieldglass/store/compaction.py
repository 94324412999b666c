"""Compaction: new segments without the dead rows, and new positions for what lives.

The new files are written beside the old ones; one transaction then changes over. Old files are kept
until no reader leases a version that uses them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.store.adoption import SegmentRow, insert_segments
from fieldglass.store.listing import Listing
from fieldglass.store.merging import LARGEST, replace_segments
from fieldglass.store.records import Field
from fieldglass.store.rewriting import Kept, rewrite_arrays, rewrite_thumbs
from fieldglass.store.segments import THUMBS

if TYPE_CHECKING:
    from fieldglass.types import I64

__all__ = ["change_over", "compacted"]


def compacted(
    collection: Path, fields: Mapping[str, Field], listing: Listing, dead: I64, number: int
) -> Iterator[SegmentRow]:
    """Write the live rows anew, in files numbered from `number`."""
    for name, segments in [*listing.fields.items(), (THUMBS, listing.thumbs)]:
        for start, parts in _files(segments, dead):
            if name == THUMBS:
                yield rewrite_thumbs(collection, number, start, parts)
            else:
                yield rewrite_arrays(collection, fields[name], number, start, parts)
            number += 1


def change_over(
    connection: sqlite3.Connection, listing: Listing, rows: Sequence[SegmentRow], dead: I64, size: int
) -> None:
    """Inside a transaction: the new segments, the new positions, no dead ones, the next epoch."""
    old = [(name, each) for name, segments in listing.fields.items() for each in segments]
    replace_segments(connection, [*old, *((THUMBS, each) for each in listing.thumbs)])
    insert_segments(connection, 0, rows)
    _renumber(connection, dead, size)
    connection.execute("DELETE FROM dead")
    connection.execute(
        "UPDATE state SET version = version + 1, data_version = data_version + 1, epoch = epoch + 1, "
        "size = size - ?, next_file = next_file + ?",
        (len(dead), len(rows)),
    )


def _files(segments: Sequence[Any], dead: I64) -> Iterator[tuple[int, list[Kept]]]:
    """New start and the parts of each new file: neighbours in new positions, up to LARGEST bytes."""
    start, held, size = 0, 0, 0
    parts: list[Kept] = []
    for segment in segments:
        alive = np.ones(segment.count, dtype=np.bool_)
        here = dead[np.searchsorted(dead, segment.start) : np.searchsorted(dead, segment.stop)]
        alive[here - segment.start] = False
        kept = int(alive.sum())
        if kept == 0:
            continue
        first = segment.start + int(np.argmax(alive))
        new = first - int(np.searchsorted(dead, first))
        if parts and (new != start + held or size + segment.sealed.size > LARGEST):
            yield start, parts
            parts, held, size = [], 0, 0
        if not parts:
            start = new
        parts.append((segment, np.flatnonzero(alive), kept))
        held += kept
        size += segment.sealed.size
    if parts:
        yield start, parts


def _renumber(connection: sqlite3.Connection, dead: I64, size: int) -> None:
    """Shift every run of live positions down, in order, so that none meets another. Indexes are made anew after."""
    indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'item'")
    saved = indexes.fetchall()
    for name, _ in saved:
        connection.execute(f"DROP INDEX {name}")
    bounds = [*(int(each) for each in dead), size]
    connection.executemany(
        "UPDATE item SET position = position - ? WHERE position > ? AND position < ?",
        ((shift, low, high) for shift, (low, high) in enumerate(pairwise(bounds), 1) if high - low > 1),
    )
    for _, sql in saved:
        connection.execute(sql)

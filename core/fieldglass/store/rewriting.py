"""Writing rows of segments anew into one file: merging, filling and compaction share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.store.adoption import SegmentRow
from fieldglass.store.durable import check_whole
from fieldglass.store.records import Field
from fieldglass.store.segments import FOLDER, THUMBS, Segment, file_name, pack_present, write_array
from fieldglass.store.thumbs import Thumbs, write_thumbs

__all__ = ["Kept", "rewrite_arrays", "rewrite_thumbs"]

Rows = slice | np.ndarray[Any, Any]  # rows of a segment, counted from its start, in order
Kept = tuple[Any, Rows, int]  # segment, rows, how many
_BYTES = 8 << 20  # copied at a time


def rewrite_arrays(collection: Path, field: Field, number: int, start: int, parts: Sequence[Kept]) -> SegmentRow:
    """The rows of several segments, one after the other, as segment `number` from position `start`."""
    count = sum(kept for _, _, kept in parts)
    sealed = write_array(collection / FOLDER / file_name(number, field.name), field, count, _blocks(parts))
    shown = [_present(segment)[rows] for segment, rows, _ in parts]
    return SegmentRow(field.name, start, count, number, sealed, pack_present(np.concatenate(shown)))


def rewrite_thumbs(collection: Path, number: int, start: int, parts: Sequence[Kept]) -> SegmentRow:
    """The same for previews."""
    tables = [(thumbs.table(), _indexes(thumbs, rows)) for thumbs, rows, _ in parts]
    sizes = np.concatenate([table[0][chosen] for table, chosen in tables])
    sums = np.concatenate([table[1][chosen] for table, chosen in tables])
    path = collection / FOLDER / file_name(number, THUMBS)
    pictures = chain.from_iterable(thumbs.stream(_indexes(thumbs, rows)) for thumbs, rows, _ in parts)
    return SegmentRow(
        THUMBS, start, len(sizes), number, write_thumbs(path, sizes.tolist(), sums.tolist(), pictures), None
    )


def _blocks(parts: Sequence[Kept]) -> Iterator[np.ndarray[Any, Any]]:
    for segment, rows, _ in parts:
        check_whole(segment.path, segment.sealed)  # damage must not get a checksum of its own
        step = max(_BYTES * segment.count // segment.sealed.size, 1)
        chosen = _indexes(segment, rows)
        for low in range(0, segment.count, step):
            high = min(low + step, segment.count)
            inside = chosen[np.searchsorted(chosen, low) : np.searchsorted(chosen, high)]
            if len(inside):
                yield segment.read(low, high)[inside - low]


def _present(segment: Segment) -> np.ndarray[Any, Any]:
    return np.ones(segment.count, dtype=np.bool_) if segment.present is None else segment.present


def _indexes(segment: Segment | Thumbs, rows: Rows) -> np.ndarray[Any, Any]:
    return np.arange(segment.count)[rows]

"""Writing rows of segments anew into one file: merging, filling and compaction share it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.store.adoption import SegmentRow
from fieldglass.store.records import Field
from fieldglass.store.segments import FOLDER, THUMBS, Segment, file_name, pack_present, write_array
from fieldglass.store.thumbs import Thumbs, write_thumbs

__all__ = ["Kept", "rewrite_arrays", "rewrite_thumbs"]

Rows = slice | np.ndarray[Any, Any]  # rows of a segment, counted from its start
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
    positions = [(thumbs, thumbs.start + int(row)) for thumbs, rows, _ in parts for row in _indexes(thumbs, rows)]
    sizes, sums = [], []
    for thumbs, position in positions:
        thumb = thumbs.get(position)
        sizes.append(len(thumb))
        sums.append(zlib.crc32(thumb))
    path = collection / FOLDER / file_name(number, THUMBS)
    sealed = write_thumbs(path, sizes, sums, (thumbs.get(position) for thumbs, position in positions))
    return SegmentRow(THUMBS, start, len(positions), number, sealed, None)


def _blocks(parts: Sequence[Kept]) -> Iterator[np.ndarray[Any, Any]]:
    for segment, rows, _ in parts:
        array = segment.array
        step = max(_BYTES // max(array[:1].nbytes, 1), 1)
        chosen = _indexes(segment, rows)
        for start in range(0, len(chosen), step):
            yield array[chosen[start : start + step]]


def _present(segment: Segment) -> np.ndarray[Any, Any]:
    return np.ones(segment.count, dtype=np.bool_) if segment.present is None else segment.present


def _indexes(segment: Segment | Thumbs, rows: Rows) -> np.ndarray[Any, Any]:
    return np.arange(segment.count)[rows]

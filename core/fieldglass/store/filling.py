"""Vectors of a further field for items that are there: captions, another encoder, augmented descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.store.adoption import SegmentRow
from fieldglass.store.codec import encode, stored_dtype, stored_width
from fieldglass.store.durable import check_whole, fsync_folder
from fieldglass.store.records import Field
from fieldglass.store.segments import FOLDER, Segment, file_name, pack_present, write_array

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["Row", "fill_files", "gathered"]

Row = tuple[int, "F32"]  # position, (rows, dim)
_BYTES = 64 << 20  # of vectors gathered into one transaction
_SPREAD, _ROOM = 16, 4096  # a file may be as many times longer than its rows, and so much more


def gathered(field: Field, rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Batches of bounded size, sorted by position; of one given twice in a batch the last counts."""
    most = max(_BYTES // (4 * field.rows * field.dim), 1)
    batch: dict[int, F32] = {}
    for position, vector in rows:
        if np.shape(vector) != (field.rows, field.dim):
            raise UsageError(f"Field {field.name!r} takes ({field.rows}, {field.dim}) vectors, not {np.shape(vector)}.")
        batch[int(position)] = vector
        if len(batch) >= most:
            yield sorted(batch.items())
            batch = {}
    if batch:
        yield sorted(batch.items())


def fill_files(
    collection: Path, field: Field, segments: Sequence[Segment], batch: Sequence[Row], number: int
) -> tuple[list[SegmentRow], list[Segment]]:
    """New files for a batch, and the segments that they replace: those that hold some of its positions."""
    rows: list[SegmentRow] = []
    replaced: list[Segment] = []
    free = list(batch)
    for segment in segments:
        if segment.stop <= batch[0][0] or segment.start > batch[-1][0]:
            continue
        inside = [row for row in free if segment.start <= row[0] < segment.stop]
        if inside:
            free = [row for row in free if not segment.start <= row[0] < segment.stop]
            rows.append(_written(collection, field, number + len(rows), inside, segment))
            replaced.append(segment)
    for run in _runs(free, segments):
        rows.append(_written(collection, field, number + len(rows), run, None))
    fsync_folder(collection / FOLDER)
    return rows, replaced


def _runs(rows: Sequence[Row], segments: Sequence[Segment]) -> Iterator[list[Row]]:
    """Rows between two segments make one file, unless they lie too far apart; gaps in it lack the field."""
    starts = [segment.start for segment in segments]
    run: list[Row] = []
    for row in rows:
        apart = bool(run) and row[0] - run[0][0] > _SPREAD * len(run) + _ROOM
        if run and (apart or np.searchsorted(starts, row[0]) != np.searchsorted(starts, run[-1][0])):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _written(collection: Path, field: Field, number: int, rows: Sequence[Row], old: Segment | None) -> SegmentRow:
    start = rows[0][0] if old is None else old.start
    count = rows[-1][0] + 1 - start if old is None else old.count
    offsets = np.array([position - start for position, _ in rows])
    stored: np.ndarray[Any, Any] = np.zeros((count, field.rows, stored_width(field)), dtype=stored_dtype(field))
    present = np.zeros(count, dtype=np.bool_)
    if old is not None:
        check_whole(old.path, old.sealed)
        stored[:] = old.read(0, count)
        present[:] = True if old.present is None else old.present
    stored[offsets] = encode(field, np.stack([vector for _, vector in rows]))
    present[offsets] = True
    sealed = write_array(collection / FOLDER / file_name(number, field.name), field, count, [stored])
    return SegmentRow(field.name, start, count, number, sealed, pack_present(present))

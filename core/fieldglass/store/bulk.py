"""Ready vectors in bulk, streamed block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.store.adoption import Rows, SegmentRow
from fieldglass.store.codec import encode
from fieldglass.store.durable import fsync_folder
from fieldglass.store.records import Field
from fieldglass.store.segments import FOLDER, file_name, write_array

__all__ = ["append_blocks"]

Array = np.ndarray[Any, Any]


def append_blocks(
    collection: Path,
    field: Field,
    ids: Sequence[str],
    vectors: Array | Iterable[Array],
    metadata: Mapping[str, Sequence[Any]],
    groups: Mapping[str, Sequence[str | None]],
    block: int,
) -> Iterator[tuple[Rows, Callable[[int], list[SegmentRow]]]]:
    """The rows of each block, and what writes its file under a number."""
    for name, column in {**metadata, **groups}.items():
        if len(column) != len(ids):
            raise UsageError(f"Column {name!r} has {len(column)} values for {len(ids)} ids.")
    done = 0
    for part in _blocks(vectors, block):
        stop = done + len(part)
        if stop > len(ids):
            raise UsageError(f"There are more vectors than the {len(ids)} ids.")
        shaped = part[:, None, :] if part.ndim == 2 else part
        chosen = [str(id) for id in ids[done:stop]]
        rows = Rows(
            chosen,
            [()] * len(chosen),
            [{}] * len(chosen),
            [""] * len(chosen),
            [""] * len(chosen),
            [""] * len(chosen),
            {name: column[done:stop] for name, column in metadata.items() if name not in groups},
            {name: column[done:stop] for name, column in groups.items()},
        )

        def write(number: int, shaped: Array = shaped) -> list[SegmentRow]:
            path = collection / FOLDER / file_name(number, field.name)
            sealed = write_array(path, field, len(shaped), [encode(field, shaped)])
            fsync_folder(path.parent)
            return [SegmentRow(field.name, 0, len(shaped), number, sealed, None)]

        yield rows, write
        done = stop
    if done != len(ids):
        raise UsageError(f"There are {len(ids)} ids and only {done} vectors; the first {done} were taken.")


def _blocks(vectors: Array | Iterable[Array], block: int) -> Iterator[Array]:
    if isinstance(vectors, np.ndarray):
        for start in range(0, len(vectors), block):
            yield vectors[start : start + block]
        return
    waiting: list[Array] = []
    held = 0
    for part in vectors:
        if len(part) == 0:
            continue
        waiting.append(part)
        held += len(part)
        if held >= block:
            yield np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
            waiting, held = [], 0
    if waiting:
        yield np.concatenate(waiting)

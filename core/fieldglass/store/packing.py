"""Writing the files of a batch: one array a field, and the previews."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fieldglass.errors import UnknownNameError, UsageError
from fieldglass.store.adoption import SegmentRow
from fieldglass.store.codec import encode
from fieldglass.store.durable import fsync_folder
from fieldglass.store.records import Entry, Field
from fieldglass.store.segments import FOLDER, THUMBS, file_name, pack_present, write_array
from fieldglass.store.thumbs import write_thumbs

__all__ = ["pack", "pack_into"]


def pack(collection: Path, number: int, fields: Mapping[str, Field], entries: Sequence[Entry]) -> list[SegmentRow]:
    """Write the files of a batch into `segments/`, durably."""
    return pack_into(collection / FOLDER, number, fields, entries)


def pack_into(folder: Path, number: int, fields: Mapping[str, Field], entries: Sequence[Entry]) -> list[SegmentRow]:
    """Write the files of a batch into a folder; a field that no entry has gets none."""
    segments = []
    for name in dict.fromkeys(name for entry in entries for name in entry.vectors):
        if name not in fields:
            raise UnknownNameError(
                f"The collection has no field {name!r}.", hint=f"Fields: {', '.join(fields) or 'none'}."
            )
        field = fields[name]
        present = np.array([entry.vectors.get(name) is not None for entry in entries], dtype=np.bool_)
        if not present.any():
            continue
        block = np.zeros((len(entries), field.rows, field.dim), dtype=np.float32)
        for row, entry in enumerate(entries):
            vector = entry.vectors.get(name)
            if vector is not None:
                if np.shape(vector) != block.shape[1:]:
                    raise UsageError(
                        f"{entry.item.id} has {np.shape(vector)} vectors for field {name!r}, not {block.shape[1:]}."
                    )
                block[row] = vector
        sealed = write_array(folder / file_name(number, name), field, len(entries), [encode(field, block)])
        segments.append(SegmentRow(name, 0, len(entries), number, sealed, pack_present(present)))
    if any(entry.thumb for entry in entries):
        thumbs = [entry.thumb for entry in entries]
        sizes, sums = [len(each) for each in thumbs], [zlib.crc32(each) for each in thumbs]
        sealed = write_thumbs(folder / file_name(number, THUMBS), sizes, sums, thumbs)
        segments.append(SegmentRow(THUMBS, 0, len(entries), number, sealed, None))
    fsync_folder(folder)
    return segments

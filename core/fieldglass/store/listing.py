"""The segments that the catalogue knows, as open files."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fieldglass.store.durable import Sealed
from fieldglass.store.records import Field
from fieldglass.store.segments import FOLDER, THUMBS, Segment, file_name, unpack_present
from fieldglass.store.thumbs import Thumbs

__all__ = ["FileCache", "Listing", "list_segments"]

FileCache = dict[
    tuple[int, str, int], Segment | Thumbs
]  # by number, field and start; shared by the snapshots of a Store


@dataclass(frozen=True)
class Listing:
    """The segments of each field and the previews, by position."""

    fields: Mapping[str, tuple[Segment, ...]]
    thumbs: tuple[Thumbs, ...]


def list_segments(
    connection: sqlite3.Connection, folder: Path, fields: Mapping[str, Field], cache: FileCache | None = None
) -> Listing:
    """What is in the catalogue now; files that the cache holds are not opened again, and others leave it."""
    files = {} if cache is None else cache
    segments: dict[str, list[Segment]] = {}
    thumbs: list[Thumbs] = []
    seen = set()
    for name, start, count, number, size, head, blocks, present in connection.execute(
        "SELECT field, start, count, number, bytes, head, blocks, present FROM segment ORDER BY field, start"
    ):
        key = (number, name, start)
        seen.add(key)
        if key not in files:
            path = folder / FOLDER / file_name(number, name)
            sealed = Sealed(size, head, blocks)
            if name == THUMBS:
                files[key] = Thumbs(number, start, count, path, sealed)
            else:
                shown = unpack_present(present, count)
                files[key] = Segment(number, fields[name], start, count, path, shown, sealed)
        each = files[key]
        if isinstance(each, Thumbs):
            thumbs.append(each)
        else:
            segments.setdefault(name, []).append(each)
    for key in set(files) - seen:
        del files[key]
    return Listing({name: tuple(group) for name, group in segments.items()}, tuple(thumbs))

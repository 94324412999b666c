"""Changing metadata cells of items that stay where they are: touched files, refreshed hooks, annotations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from fieldglass.store.columns import Columns
from fieldglass.store.journal import clear, conflict_faults, record
from fieldglass.store.records import Committed, Fault, Source

__all__ = ["Touched", "annotate", "touch"]

Touched = tuple[str, Mapping[str, Any], str, str]  # id, metadata with groups, metadata hash, stamp
_CHUNK = 1000


def touch(connection: sqlite3.Connection, source: Source, rows: Sequence[Touched]) -> Committed:
    """Inside a transaction: give items a new stamp, and their loader's metadata as a whole.

    Annotations stay, and what was measured where the metadata says nothing of it.
    """
    columns = Columns(connection)
    names = list(dict.fromkeys([*columns.names(annotated=False), *(name for row in rows for name in row[1])]))
    cells: dict[str, list[Any]] = {}
    faults: list[Fault] = []
    for name in names:
        converted, conflicts = columns.convert(name, [row[1].get(name) for row in rows])
        if name in columns.names():
            cells[name] = converted
        faults += conflict_faults(name, {rows[row][0]: raw for row, raw in conflicts.items()})
    setting = "".join(f", c{columns.key(name)} = {_new(columns, name)}" for name in cells)
    changed = connection.executemany(
        f"UPDATE item SET stamp = ?, metadata_hash = ?{setting} WHERE id = ? AND source = {source.key}",
        (
            (stamp, metadata_hash, *(values[row] for values in cells.values()), id)
            for row, (id, _, metadata_hash, stamp) in enumerate(rows)
        ),
    ).rowcount
    columns.finish()
    clear(connection, source, [row[0] for row in rows])
    record(connection, source, faults)
    return Committed(changed=changed, emptied=len(faults))


def annotate(
    connection: sqlite3.Connection,
    sources: Mapping[int, Source],
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    annotated: bool,
) -> Committed:
    """Inside a transaction: set the given cells (None empties one) and leave the others."""
    found = emptied = 0
    columns = Columns(connection)
    for chunk in _chunks(rows):
        marks = ",".join("?" * len(chunk))
        owners = dict(connection.execute(f"SELECT id, source FROM item WHERE id IN ({marks})", [id for id, _ in chunk]))
        here = [(id, cells) for id, cells in chunk if id in owners]
        found += len(here)
        for name in dict.fromkeys(name for _, cells in here for name in cells):
            given = [(id, cells[name]) for id, cells in here if name in cells]
            values, conflicts = columns.convert(name, [value for _, value in given], annotated=annotated)
            if name in columns.names():
                connection.executemany(
                    f"UPDATE item SET c{columns.key(name)} = ? WHERE id = ?",
                    ((value, id) for value, (id, _) in zip(values, given, strict=True)),
                )
            emptied += len(conflicts)
            for row, raw in conflicts.items():
                id = given[row][0]
                record(connection, sources[owners[id]], conflict_faults(name, {id: raw}))
    columns.finish()
    return Committed(changed=found, emptied=emptied)


def _new(columns: Columns, name: str) -> str:
    return f"COALESCE(?, c{columns.key(name)})" if columns.measured(name) else "?"


def _chunks(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    waiting = iter(rows)
    while chunk := list(islice(waiting, _CHUNK)):
        yield chunk

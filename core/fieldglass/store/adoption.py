"""Bringing finished files and their rows into the catalogue: what every commit, bulk import and parcel ends with."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fieldglass.errors import UsageError
from fieldglass.store.columns import Columns
from fieldglass.store.durable import Sealed
from fieldglass.store.journal import clear, conflict_faults, record
from fieldglass.store.records import Committed, Entry, Fault, Source
from fieldglass.types import Problem

__all__ = ["Rows", "SegmentRow", "adopt", "insert_segments", "touch_state"]

_CHUNK = 500


@dataclass(frozen=True)
class SegmentRow:
    """A file of `segments/` that the catalogue is to know; `start` counts from the first row of its batch."""

    field: str
    start: int
    count: int
    number: int
    sealed: Sealed
    present: bytes | None


@dataclass
class Rows:
    """Items as columns, one value a row. Ids are in the collection's form."""

    ids: list[str]
    paths: list[tuple[str, ...]]
    locators: list[Mapping[str, Any]]
    stamps: list[str]
    content_hashes: list[str]
    metadata_hashes: list[str]
    metadata: dict[str, Sequence[Any]] = field(default_factory=dict)
    groups: dict[str, Sequence[str | None]] = field(default_factory=dict)
    measured: frozenset[str] = frozenset()  # names among those of `metadata`

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Rows:
        """The rows of entries."""
        groups = _names(entry.item.groups for entry in entries)
        measured = _names(entry.measured for entry in entries)
        metadata = [name for name in _names(entry.metadata for entry in entries) if name not in groups]
        metadata += [name for name in measured if name not in (*groups, *metadata)]
        return cls(
            [entry.item.id for entry in entries],
            [entry.item.paths for entry in entries],
            [entry.item.locator for entry in entries],
            [entry.stamp for entry in entries],
            [entry.content_hash for entry in entries],
            [entry.metadata_hash for entry in entries],
            {name: [entry.measured.get(name, entry.metadata.get(name)) for entry in entries] for name in metadata},
            {name: [entry.item.groups.get(name, entry.metadata.get(name)) for entry in entries] for name in groups},
            frozenset(measured) - set(groups),
        )


def adopt(connection: sqlite3.Connection, source: Source, rows: Rows, segments: Iterable[SegmentRow]) -> Committed:
    """Inside a transaction: give the rows the next positions and make them the current version of their ids.

    An id that another source holds is journalled and not taken; of an id given twice the last counts.
    """
    _check_ids(rows.ids)
    (base,) = connection.execute("SELECT size FROM state").fetchone()
    columns = Columns(connection)
    known = _current(connection, rows.ids)
    foreign = {id for id, (_, key) in known.items() if key != source.key}
    last = {id: row for row, id in enumerate(rows.ids)}
    taken = [row for row, id in enumerate(rows.ids) if last[id] == row and id not in foreign]

    cells, faults = _cells(columns, rows)
    replaced = {id: position for id, (position, key) in known.items() if key == source.key}
    kept = columns.names(annotated=True)
    cells |= _carried_over(connection, columns, kept, cells, replaced, rows.ids)
    _kill(connection, replaced.values())
    _insert(connection, base, source, rows, taken, {columns.key(name): values for name, values in cells.items()})
    dropped = sorted(set(range(len(rows.ids))) - set(taken))
    connection.executemany("INSERT INTO dead VALUES (?)", ((base + row,) for row in dropped))
    insert_segments(connection, base, segments)
    columns.finish()

    clear(connection, source, [rows.ids[row] for row in taken])
    emptied = len(faults)
    faults += [
        Fault(Problem(id, "id-taken", f"Another source already has an item {id!r}; rename this one."))
        for id in sorted(foreign)
    ]
    record(connection, source, faults)
    touch_state(connection, data=True, grow=len(rows.ids))
    return Committed(len(taken) - len(replaced), len(replaced), len(foreign), emptied)


def insert_segments(connection: sqlite3.Connection, base: int, segments: Iterable[SegmentRow]) -> None:
    """Make files of `segments/` part of the collection."""
    connection.executemany(
        "INSERT INTO segment (field, start, count, number, bytes, head, blocks, present) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (each.field, base + each.start, each.count, each.number, file.size, file.head, file.blocks, each.present)
            for each in segments
            for file in (each.sealed,)
        ),
    )


def touch_state(connection: sqlite3.Connection, *, data: bool = False, grow: int = 0) -> None:
    """A new version of the catalogue; `data` where vectors or positions changed."""
    connection.execute(
        "UPDATE state SET version = version + 1, data_version = data_version + ?, size = size + ?", (int(data), grow)
    )


def revise(connection: sqlite3.Connection, field: str) -> None:
    """Inside a transaction: vectors at positions that existed before have changed."""
    connection.execute("UPDATE field SET revision = revision + 1 WHERE name = ?", (field,))
    touch_state(connection, data=True)


def kill(connection: sqlite3.Connection, ids: Iterable[str]) -> int:
    """Delete items; their positions are dead until a compaction. How many there were."""
    gone = 0
    for chunk in _chunks(list(ids)):
        found = connection.execute(f"SELECT position FROM item WHERE id IN ({_marks(chunk)})", chunk).fetchall()
        _kill(connection, [position for (position,) in found])
        gone += len(found)
    return gone


def _kill(connection: sqlite3.Connection, positions: Iterable[int]) -> None:
    rows = [(position,) for position in positions]
    connection.executemany("DELETE FROM item WHERE position = ?", rows)
    connection.executemany("INSERT INTO dead VALUES (?)", rows)


def _check_ids(ids: Sequence[str]) -> None:
    for id in ids:
        try:
            ok = id and "\0" not in id and id.encode()
        except UnicodeEncodeError:
            ok = False
        if not ok:
            raise UsageError(f"{id!r} cannot be the id of an item: ids are non-empty UTF-8 text.")


def _current(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for chunk in _chunks(ids):
        rows = connection.execute(f"SELECT id, position, source FROM item WHERE id IN ({_marks(chunk)})", chunk)
        found.update((id, (position, key)) for id, position, key in rows)
    return found


def _cells(columns: Columns, rows: Rows) -> tuple[dict[str, list[Any]], list[Fault]]:
    cells: dict[str, list[Any]] = {}
    faults: list[Fault] = []
    for group, part in ((False, rows.metadata), (True, rows.groups)):
        for name, values in part.items():
            converted, conflicts = columns.convert(name, values, group=group)
            if name in columns.names():
                cells[name] = converted
            faults += conflict_faults(name, {rows.ids[row]: raw for row, raw in conflicts.items()})
    columns.mark_measured(rows.measured)
    return cells, faults


def _carried_over(
    connection: sqlite3.Connection,
    columns: Columns,
    kept: Sequence[str],
    cells: Mapping[str, list[Any]],
    replaced: Mapping[str, int],
    ids: Sequence[str],
) -> dict[str, list[Any]]:
    """Annotated cells of the version before, where the new one says nothing."""
    if not kept or not replaced:
        return {}
    names = ", ".join(f"c{columns.key(name)}" for name in kept)
    old: dict[str, tuple[Any, ...]] = {}
    for id, position in replaced.items():
        old[id] = connection.execute(f"SELECT {names} FROM item WHERE position = ?", (position,)).fetchone()
    carried = {}
    for column, name in enumerate(kept):
        new = cells.get(name, [None] * len(ids))
        carried[name] = [
            value if value is not None or id not in old else old[id][column] for id, value in zip(ids, new, strict=True)
        ]
    return carried


def _insert(
    connection: sqlite3.Connection,
    base: int,
    source: Source,
    rows: Rows,
    taken: Sequence[int],
    cells: Mapping[int, Sequence[Any]],
) -> None:
    names = "".join(f", c{key}" for key in cells)
    connection.executemany(
        "INSERT INTO item (position, id, source, path, more, locator, stamp, content_hash, metadata_hash"
        f"{names}) VALUES ({_marks(range(9 + len(cells)))})",
        (
            (
                base + row,
                rows.ids[row],
                source.key,
                rows.paths[row][0] if rows.paths[row] else None,
                json.dumps(rows.paths[row][1:]) if len(rows.paths[row]) > 1 else None,
                json.dumps(dict(rows.locators[row]), default=_plain) if rows.locators[row] else None,
                rows.stamps[row],
                rows.content_hashes[row],
                rows.metadata_hashes[row],
                *(values[row] for values in cells.values()),
            )
            for row in taken
        ),
    )


def _plain(value: Any) -> Any:
    """numpy's numbers in a locator."""
    if hasattr(value, "item"):
        return value.item()
    raise UsageError(f"A locator holds {value!r}, which cannot be written as JSON.")


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield list(values[start : start + _CHUNK])


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))

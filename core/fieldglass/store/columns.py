"""Typed metadata columns: decided at first sight, int widened to float, any other conflict told.

What can be said in the type of its column is no conflict: "9.5" among numbers, 38 among texts. So one
odd cell of a table, which makes a text column of it there, costs that cell and not the column.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from fieldglass.loaders.cells import fitted
from fieldglass.store.records import Column
from fieldglass.store.schema import FIXED, create_view

__all__ = ["Columns", "from_stored", "read_columns"]

LIMIT = 500  # SQLite allows 2000; each has an index
_SQL_TYPES = {"int": "INTEGER", "float": "REAL", "bool": "INTEGER", "text": "TEXT", "date": "TEXT"}
_INT64 = 1 << 63
_ANNOTATED, _MEASURED = 1, 2  # values of column.annotated


def read_columns(connection: sqlite3.Connection) -> dict[str, tuple[int, Column]]:
    """Name -> (key, column), in the order they were met."""
    rows = connection.execute("SELECT key, name, type, grouped, sql, annotated FROM column ORDER BY key")
    return {
        name: (key, Column(name, type, bool(group), sql, own == _ANNOTATED, own == _MEASURED))
        for key, name, type, group, sql, own in rows
    }


def from_stored(type: str, value: Any) -> Any:
    """A cell as Python sees it: bool, int, float or str (dates as ISO text)."""
    if type == "bool":
        return bool(value)
    return float(value) if type == "float" else value


class Columns:
    """The columns during one transaction of the writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._columns = read_columns(connection)
        self._changed = False

    def key(self, name: str) -> int:
        """The number of a column that exists."""
        return self._columns[name][0]

    def names(self, *, annotated: bool | None = None) -> list[str]:
        """The names of the columns, in order; only those that are (not) annotated if asked."""
        return [name for name, (_, each) in self._columns.items() if annotated in (None, each.annotated)]

    def measured(self, name: str) -> bool:
        """Whether a column that exists is one of `Sample.measured`."""
        return self._columns[name][1].measured

    def mark_measured(self, names: Iterable[str]) -> None:
        """Let these columns, where they are not annotated, stay when only an item's metadata is read again."""
        for name in names:
            key, column = self._columns.get(name, (0, None))
            if column is not None and not (column.annotated or column.measured):
                self._connection.execute("UPDATE column SET annotated = ? WHERE key = ?", (_MEASURED, key))
                self._columns[name] = key, replace(column, measured=True)

    def define(self, column: Column) -> None:
        """Make a column as another collection has it."""
        self._add(column.name, column.type, column.group, column.annotated)
        if column.measured:
            self.mark_measured([column.name])

    def convert(
        self, name: str, values: Sequence[Any], *, group: bool = False, annotated: bool = False
    ) -> tuple[list[Any], dict[int, str]]:
        """Values as stored (None where absent), and row -> raw value where the type conflicts."""
        group = group or (name in self._columns and self._columns[name][1].group)
        cells: list[Any] = [None] * len(values)
        conflicts: dict[int, str] = {}
        for row, value in enumerate(values):
            if value is None:
                continue
            kind, cell = ("text", _text(str(value))) if group else _typed(value)
            if kind == "missing":
                continue
            kind, cell = self._suited(name, kind, cell)
            if kind == "" or not self._accepts(name, kind, group, annotated):
                conflicts[row] = str(value)[:200]
            elif self._columns[name][1].type == "float":
                cells[row] = float(cell)
            elif self._columns[name][1].type == "text":
                cells[row] = cell if isinstance(cell, str) else str(cell)
            else:
                cells[row] = cell
        return cells, conflicts

    def finish(self) -> None:
        """Make the view anew if a column was added."""
        if self._changed:
            create_view(self._connection)

    def _suited(self, name: str, kind: str, cell: Any) -> tuple[str, Any]:
        """A cell in the type of its column, where it can be."""
        wanted = self._columns[name][1].type if name in self._columns else kind
        if kind in ("", wanted):
            return kind, cell
        if wanted == "text":
            return "text", str(bool(cell)).lower() if kind == "bool" else str(cell)
        if kind == "text":
            found = fitted(cell, wanted)
            return (kind, cell) if found is None else _typed(found)
        return kind, cell

    def _accepts(self, name: str, kind: str, group: bool, annotated: bool) -> bool:
        if name not in self._columns:
            return self._add(name, kind, group, annotated)
        key, column = self._columns[name]
        if group and not column.group:
            grouped = replace(column, type="text", group=True)
            if column.type in ("text", "date"):
                self._set(key, grouped)
            else:
                self._retype(key, grouped)
        elif column.group or column.type == kind or (column.type, kind) == ("float", "int"):
            return True
        elif (column.type, kind) == ("int", "float"):
            self._set(key, replace(column, type="float"))
        else:
            return False
        return True

    def _add(self, name: str, kind: str, group: bool, annotated: bool) -> bool:
        if len(self._columns) >= LIMIT or not name or "\0" in name:
            return False
        taken = {each.sql.lower() for _, each in self._columns.values()} | set(FIXED)
        sql = name
        while sql.lower() in taken:  # names of SQL do not tell case apart
            sql += "_"
        self._create(Column(name, kind, group, sql, annotated))
        return True

    def _create(self, column: Column) -> int:
        key = 1 + max((key for key, _ in self._columns.values()), default=0)
        self._connection.execute(f"ALTER TABLE item ADD COLUMN c{key} {_SQL_TYPES[column.type]}")
        self._connection.execute(f"CREATE INDEX item_c{key} ON item (c{key}) WHERE c{key} IS NOT NULL")
        own = _MEASURED if column.measured else _ANNOTATED if column.annotated else 0
        self._connection.execute(
            "INSERT INTO column VALUES (?, ?, ?, ?, ?, ?)",
            (key, column.name, column.type, column.group, column.sql, own),
        )
        self._columns[column.name] = key, column
        self._changed = True
        return key

    def _retype(self, old: int, column: Column) -> None:
        """SQLite turns text that looks like a number into one where the column was made for numbers: make another."""
        self._connection.execute("DELETE FROM column WHERE key = ?", (old,))
        key = self._create(column)
        self._connection.execute(
            f"UPDATE item SET c{key} = CAST(c{old} AS TEXT), c{old} = NULL WHERE c{old} IS NOT NULL"
        )
        self._connection.execute(f"DROP INDEX item_c{old}")

    def _set(self, key: int, column: Column) -> None:
        self._connection.execute(
            "UPDATE column SET type = ?, grouped = ? WHERE key = ?", (column.type, column.group, key)
        )
        self._columns[column.name] = key, column


def _typed(value: Any) -> tuple[str, Any]:
    """(type, cell); "missing" for NaN, "" for what has no type here."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a numpy scalar
        value = value.item()
    if isinstance(value, bool):
        return "bool", int(value)
    if isinstance(value, int):
        return ("int", value) if -_INT64 <= value < _INT64 else ("", None)
    if isinstance(value, float):
        return ("float", value) if math.isfinite(value) else ("missing", None)
    if isinstance(value, str):
        return "text", _text(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo is None else value.astimezone(UTC)
        return "date", aware.isoformat()
    if isinstance(value, date):
        return "date", value.isoformat()
    return "", None


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode("utf-8")

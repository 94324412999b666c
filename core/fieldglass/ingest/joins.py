"""`annotate`: labels, prices and captions from a table, joined to items by id. Nothing is encoded."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.cells import ColumnTypes
from fieldglass.loaders.rows import BadRow, column_names, decimals_of, read_rows
from fieldglass.store import Store

__all__ = ["Joined", "annotate"]


@dataclass
class Joined:
    """How many rows found their item, how many did not, and the lines that could not be read.

    `emptied` counts the cells that are not of the type of their column; the journal lists them.
    """

    matched: int = 0
    unmatched: int = 0
    emptied: int = 0
    bad: list[str] = field(default_factory=list)


def annotate(
    store: Store,
    table: Path,
    *,
    on: str = "id",
    columns: Sequence[str] | None = None,
    encoding: str = "utf-8",
    delimiter: str = "",
    decimal: str = "",
) -> Joined:
    """Add or replace columns of items from a CSV, TSV, JSONL or Parquet file; `on` names its column of ids.

    A cell that is empty in the table empties that of the item. `decimal` is the mark in numbers, "." or
    ","; without it the comma is one in a CSV with semicolons. LoaderError where the table cannot be
    read or lacks a column.
    """
    table = Path(table)
    if not table.is_file():
        raise LoaderError(f"There is no table {str(table)!r}.")
    names = column_names(table, encoding=encoding, delimiter=delimiter)
    for name in (on, *(columns or ())):
        if names and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(names)}."
            hint += " Say which holds the ids: --on COLUMN." if name == on else ""
            raise LoaderError(f"{table.name!r} has no column {name!r}.", hint=hint)
    chosen = [name for name in columns or names if name != on]
    if names and not chosen:
        raise UsageError(f"{table.name!r} has no column besides {on!r}.")
    types = ColumnTypes(decimals_of(table, encoding=encoding, delimiter=delimiter, decimal=decimal))
    for row in read_rows(table, encoding=encoding, delimiter=delimiter):
        if not isinstance(row, BadRow):
            types.see({name: row.cells.get(name) for name in chosen})
    joined = Joined()
    given = 0

    def rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        nonlocal given
        for row in read_rows(table, encoding=encoding, delimiter=delimiter):
            if isinstance(row, BadRow):
                joined.bad.append(f"Line {row.line}: {row.reason}.")
                continue
            id = str(row.cells.get(on) or "").strip()
            if not id:
                joined.bad.append(f"Line {row.line}: the cell of {on!r} is empty.")
                continue
            given += 1
            cells = types.typed({name: row.cells.get(name) for name in chosen})
            yield id, {name: cells.get(name) for name in chosen}

    with store.writer("annotate") as writer:
        done = writer.put_metadata(rows())
    joined.matched, joined.emptied = done.changed, done.emptied
    joined.unmatched = given - joined.matched
    return joined

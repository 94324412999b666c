"""`--where`: one SQL expression over the view `items`, under an authorizer, limits and a clock."""

from __future__ import annotations

import difflib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError

if TYPE_CHECKING:
    from fieldglass.types import I64

__all__ = ["select"]

_FUNCTIONS = frozenset(
    """abs acos asin atan atan2 avg ceil ceiling coalesce cos count date datetime degrees exp floor glob ifnull iif
    instr julianday length like likelihood likely ln log log10 log2 lower ltrim max min mod nullif pi pow power radians
    round rtrim sign sin sqrt strftime substr substring sum tan time total trim trunc typeof unixepoch unlikely upper
    """.split()  # noqa: SIM905
)
_BASE = {"item": frozenset({"position", "id", "source", "path", "ROWID"}), "source": frozenset({"key", "name"})}
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1 << 20,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 16,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 5,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--|/\*|.""", re.DOTALL)
_STEPS = 2000  # of SQLite's machine between two looks at the clock


def select(connection: sqlite3.Connection, where: str, columns: Sequence[str], limit_s: float) -> I64:
    """Positions of the live items that match, sorted. FilterError where it is not allowed, not valid or too slow."""
    _check_form(where)
    sql = f"SELECT position FROM items WHERE (\n{where}\n)"
    with _bounded(connection, limit_s) as expired:
        try:
            rows = connection.execute(sql).fetchall()
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _explained(where, str(error), columns, limit_s, expired()) from error
    return np.sort(np.fromiter((row for (row,) in rows), dtype=np.int64, count=len(rows)))


def _check_form(where: str) -> None:
    """One expression: no second statement, no comment, and no bracket that closes ours."""
    if not where.strip():
        raise FilterError("The filter is empty.", hint="For example: --where \"price < 50 AND category = 'dress'\".")
    depth = 0
    for token in _TOKEN.findall(where):
        depth += (token == "(") - (token == ")")
        if token in {";", "--", "/*", "\0", "?"} or depth < 0:
            raise FilterError(
                f"The filter {where!r} is not one expression.", hint="Leave out ;, comments and stray brackets."
            )
        if token in {"'", '"', "`"}:
            raise FilterError(
                f"The filter {where!r} has an open quote.", hint="Write text as 'dress', a quote in it twice."
            )
    if depth:
        raise FilterError(f"The filter {where!r} has an open bracket.")


@contextmanager
def _bounded(connection: sqlite3.Connection, limit_s: float) -> Iterator[Callable[[], bool]]:
    deadline = time.monotonic() + limit_s
    before = {limit: connection.setlimit(limit, value) for limit, value in _LIMITS.items()}
    connection.set_authorizer(_authorize)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        yield lambda: time.monotonic() > deadline
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_authorizer(None)
        for limit, value in before.items():
            connection.setlimit(limit, value)


def _authorize(action: int, first: str | None, second: str | None, database: str | None, view: str | None) -> int:
    """Reading `items`, and what `items` itself reads; harmless functions. Nothing else."""
    allowed = False
    if action == sqlite3.SQLITE_SELECT:
        allowed = True
    elif action == sqlite3.SQLITE_READ:
        metadata = first == "item" and second is not None and re.fullmatch(r"c\d+", second) is not None
        inside = view == "items" and (metadata or second in _BASE.get(first or "", ()))
        counted = first in _BASE and second == ""  # a join of the view that is dropped shows so
        allowed = first == "items" or inside or counted
    elif action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() in _FUNCTIONS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _explained(where: str, message: str, columns: Sequence[str], limit_s: float, expired: bool) -> FilterError:
    if expired and "interrupted" in message:
        return FilterError(
            f"The filter {where!r} took more than {limit_s:g} s.", hint="Compare indexed columns; avoid nested queries."
        )
    known = ", ".join(columns)
    unknown = re.search(r"no such column: (.+)", message)
    if unknown:
        name = unknown.group(1).removeprefix("items.")
        lower = {column.lower(): column for column in columns}
        near = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, n=3)]
        guess = f"Did you mean {' or '.join(near)}? " if near else ""
        return FilterError(
            f"The filter asks for a column {name!r} that is not there.", hint=f"{guess}Columns: {known}."
        )
    if "not authorized" in message or "prohibited" in message or "not an error" in message:
        return FilterError(
            f"The filter {where!r} is not allowed.",
            hint=f"It may compare these columns and call simple functions: {known}.",
        )
    return FilterError(f"The filter {where!r} is not valid SQL: {message}.", hint=f"Columns: {known}.")

"""The journal: what could not be taken, with a stable code, so that nothing is lost silently."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from fieldglass.store.records import Fault, Source
from fieldglass.store.scans import SCAN
from fieldglass.types import Problem

__all__ = ["clear", "conflict_faults", "record"]


def record(connection: sqlite3.Connection, source: Source, faults: Iterable[Fault]) -> None:
    """Write problems; one of the same subject and code replaces the older."""
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    connection.executemany(
        "INSERT OR REPLACE INTO journal (source, subject, code, message, severity, stamp, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (source.key, _text(each.subject), each.code, _text(each.message), each.severity, fault.stamp, at)
            for fault in faults
            for each in (fault.problem,)
        ),
    )


def clear(connection: sqlite3.Connection, source: Source, subjects: Sequence[str]) -> None:
    """Forget the problems of subjects that have been read since, but not what a scan warns of in what it takes."""
    warned = f"severity = 'warning' AND substr(stamp, 1, {len(SCAN)}) = '{SCAN}'"
    connection.executemany(
        f"DELETE FROM journal WHERE source = ? AND subject = ? AND NOT ({warned})",
        ((source.key, _text(each)) for each in subjects),
    )


def conflict_faults(column: str, raw: Mapping[str, str]) -> list[Fault]:
    """The warnings of cells whose type is not that of their column."""
    return [
        Fault(
            Problem(
                id, "metadata-type", f"Column {column!r} does not take {value!r}; the cell is empty.", (), "warning"
            )
        )
        for id, value in raw.items()
    ]


def _text(value: str) -> str:
    """Names of files need not be UTF-8; the journal is."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")

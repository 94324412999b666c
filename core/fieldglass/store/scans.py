"""What one scan of a source has seen, kept in a temporary table, so that pruning needs no memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from fieldglass.store.records import Source

__all__ = ["SCAN", "begin_scan", "forget", "said", "see", "unseen"]

SCAN = "scan "  # the stamp of a problem that the scan itself finds begins so
_SAID = "\x1f"  # between a subject and the code of what the scan said of it


def begin_scan(connection: sqlite3.Connection) -> int:
    """The token of a new scan."""
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS seen (scan INTEGER, subject TEXT, PRIMARY KEY (scan, subject)) WITHOUT ROWID"
    )
    (last,) = connection.execute("SELECT coalesce(max(scan), 0) FROM seen").fetchone()
    token = int(last) + 1
    connection.execute("INSERT INTO seen VALUES (?, '')", (token,))
    return token


def said(subject: str, code: str) -> str:
    """What `see` takes besides the subject, for a problem that the scan itself finds."""
    return subject + _SAID + code


def see(connection: sqlite3.Connection, token: int, subjects: Iterable[str]) -> None:
    """Ids of items and subjects of problems that the scan has met."""
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT OR IGNORE INTO seen VALUES (?, ?)",
        ((token, each.encode("utf-8", "backslashreplace").decode()) for each in subjects),
    )
    connection.execute("COMMIT")


def unseen(connection: sqlite3.Connection, source: Source, token: int) -> int:
    """Inside a transaction: delete the items and problems of a source that its scan has not met; how many items."""
    met = f"EXISTS (SELECT 1 FROM seen WHERE scan = {token:d} AND seen.subject ="
    gone = f"FROM item WHERE source = {source.key} AND NOT {met} item.id)"
    connection.execute(f"INSERT INTO dead SELECT position {gone}")
    count = connection.execute(f"DELETE {gone}").rowcount
    connection.execute(f"DELETE FROM journal WHERE source = {source.key} AND NOT {met} journal.subject)")
    return count


def forget(connection: sqlite3.Connection, source: Source, token: int) -> int:
    """Inside a transaction: delete what an earlier scan said and this one did not; how many problems."""
    return connection.execute(
        f"DELETE FROM journal WHERE source = {source.key} AND substr(stamp, 1, {len(SCAN)}) = '{SCAN}' "
        f"AND NOT EXISTS (SELECT 1 FROM seen WHERE scan = {token:d} "
        f"AND seen.subject = journal.subject || char({ord(_SAID)}) || journal.code)"
    ).rowcount

"""Reading everything and comparing it with what the catalogue says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fieldglass.errors import DamagedError
from fieldglass.store.durable import Sealed, check_whole
from fieldglass.store.listing import Listing
from fieldglass.store.records import Finding
from fieldglass.store.segments import FOLDER, THUMBS
from fieldglass.store.sweeping import DERIVED

__all__ = ["damaged", "verify"]

_REPAIR = "Restore it from a copy, or run `fieldglass verify COLLECTION --repair`, then `fieldglass index` again."
_REBUILD = "Nothing is lost: `fieldglass build COLLECTION` makes it anew."
_RESTORE = "Restore the collection from a copy, or index again."


def verify(collection: Path, connection: sqlite3.Connection, listing: Listing, size: int) -> Iterator[Finding]:
    """Every file byte by byte, and every row of the catalogue. Nothing is changed."""
    try:
        said = [line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
        findings = [Finding("catalogue.sqlite", line, _RESTORE) for line in said] or list(_rows(connection, size))
    except sqlite3.DatabaseError as error:
        findings = [Finding("catalogue.sqlite", str(error), _RESTORE)]
    yield from findings
    for _, each, what in damaged(listing):
        yield Finding(f"{FOLDER}/{each.path.name}", what, _REPAIR)
    for segments in (*listing.fields.values(), listing.thumbs):
        yield from _ranges(segments, size)
    for file, *sealed in connection.execute("SELECT file, bytes, head, blocks FROM derived").fetchall():
        try:
            check_whole(collection / DERIVED / file, Sealed(*sealed))
        except (DamagedError, OSError) as error:
            yield Finding(f"{DERIVED}/{file}", _what(error), _REBUILD)


def damaged(listing: Listing) -> Iterator[tuple[str, Any, str]]:
    """Field, segment and what is wrong with it, for every file that is not as it was written."""
    groups: list[tuple[str, Sequence[Any]]] = [*listing.fields.items(), (THUMBS, listing.thumbs)]
    for name, segments in groups:
        for each in segments:
            try:
                check_whole(each.path, each.sealed)
            except (DamagedError, OSError) as error:
                yield name, each, _what(error)


def _rows(connection: sqlite3.Connection, size: int) -> Iterator[Finding]:
    (live,) = connection.execute("SELECT count(*) FROM item").fetchone()
    (dead,) = connection.execute("SELECT count(*) FROM dead").fetchone()
    (both,) = connection.execute("SELECT count(*) FROM item JOIN dead USING (position)").fetchone()
    (beyond,) = connection.execute("SELECT count(*) FROM item WHERE position >= ? OR position < 0", (size,)).fetchone()
    (lost,) = connection.execute("SELECT count(*) FROM item WHERE source NOT IN (SELECT key FROM source)").fetchone()
    if live + dead != size or both or beyond:
        what = f"{live} items and {dead} removed ones do not make {size} positions ({both} are both, {beyond} beyond)"
        yield Finding("catalogue.sqlite", what, _RESTORE)
    if lost:
        yield Finding("catalogue.sqlite", f"{lost} items belong to no source", _RESTORE)


def _ranges(segments: Sequence[Any], size: int) -> Iterator[Finding]:
    stop = 0
    for each in segments:
        if each.start < stop or each.stop > size:
            what = f"it covers positions {each.start} to {each.stop}, where another or none is"
            yield Finding(f"{FOLDER}/{each.path.name}", what, _RESTORE)
        stop = each.stop


def _what(error: Exception) -> str:
    message = getattr(error, "message", str(error))
    return str(message).partition(" is damaged: ")[2].rstrip(".") or str(message)

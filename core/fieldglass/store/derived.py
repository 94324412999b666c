"""Files derived from the segments (indexes, moments): checksummed, disposable, each replaced as a whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fieldglass.errors import DamagedError
from fieldglass.store.durable import TEMPORARY, Sealed, check_whole, fsync_folder, seal
from fieldglass.store.sweeping import DERIVED, retire

__all__ = ["find_derived", "note_derived", "write_file"]


def write_file(collection: Path, name: str, number: int, write: Callable[[Path], None]) -> tuple[str, Sealed]:
    """Let `write` make the file under a temporary name, then give it its own, durably."""
    file = f"{number}.{name}"
    temporary = collection / DERIVED / (file + TEMPORARY)
    write(temporary)
    sealed = seal(temporary, collection / DERIVED / file)
    fsync_folder(collection / DERIVED)
    return file, sealed


def note_derived(connection: sqlite3.Connection, name: str, file: str, sealed: Sealed, meta: Mapping[str, Any]) -> None:
    """Inside a transaction: the file is now the one of that name; the one before is retired."""
    old = connection.execute("SELECT file FROM derived WHERE name = ?", (name,)).fetchall()
    retire(connection, [f"{DERIVED}/{each}" for (each,) in old])
    connection.execute(
        "INSERT OR REPLACE INTO derived (name, file, meta, bytes, head, blocks) VALUES (?, ?, ?, ?, ?, ?)",
        (name, file, json.dumps(dict(meta)), sealed.size, sealed.head, sealed.blocks),
    )


def find_derived(collection: Path, row: tuple[str, str, int, int, bytes]) -> tuple[Path, dict[str, Any]] | None:
    """Path and meta of a row of the catalogue, every byte checked; None where it is missing or damaged."""
    file, meta, size, head, blocks = row
    path = collection / DERIVED / file
    try:
        check_whole(path, Sealed(size, head, blocks))
    except (DamagedError, OSError):
        return None
    return path, json.loads(meta)

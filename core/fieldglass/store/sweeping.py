"""Removing files: orphans of a killed writer, and retired files that no reader leases. The lock holder's work alone."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from fieldglass.store import leases
from fieldglass.store.segments import FOLDER, file_name

__all__ = ["DERIVED", "remove_orphans", "remove_retired", "retire"]

DERIVED = "derived"


def retire(connection: sqlite3.Connection, files: list[str]) -> None:
    """Inside a transaction that stops using them: files (relative) to remove once no older reader is left."""
    connection.executemany(
        "INSERT OR REPLACE INTO retired SELECT ?, version + 1 FROM state", ((file,) for file in files)
    )


def remove_retired(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove what no leased version uses any more."""
    rows = connection.execute("SELECT file, version FROM retired").fetchall()
    if not rows:
        return
    oldest = leases.oldest_leased(folder)
    gone = []
    for file, version in rows:
        if oldest is None or oldest >= version:
            with contextlib.suppress(OSError):  # mapped by somebody on Windows: the next time
                (folder / file).unlink(missing_ok=True)
                gone.append((file,))
    connection.executemany("DELETE FROM retired WHERE file = ?", gone)


def remove_orphans(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove files of `segments/` and `derived/` that no version knows: a writer was killed before its commit."""
    known = {file for (file,) in connection.execute("SELECT file FROM retired")}
    known |= {f"{FOLDER}/{file_name(*row)}" for row in connection.execute("SELECT number, field FROM segment")}
    known |= {f"{DERIVED}/{file}" for (file,) in connection.execute("SELECT file FROM derived")}
    for part in (FOLDER, DERIVED):
        for path in (folder / part).iterdir():
            if f"{part}/{path.name}" not in known:
                with contextlib.suppress(OSError):
                    path.unlink()

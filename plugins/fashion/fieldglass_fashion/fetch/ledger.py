"""What was fetched, and what was not and why: one small database in the folder of the pictures."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fieldglass.errors import LoaderError

__all__ = ["NAME", "Known", "Ledger", "address"]

NAME = "fetched.sqlite"
_SCHEMA = """CREATE TABLE IF NOT EXISTS picture (
    url TEXT PRIMARY KEY, file TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
    reason TEXT NOT NULL, final INTEGER NOT NULL) WITHOUT ROWID"""


@dataclass(frozen=True)
class Known:
    """One address: its file relative to the folder, "" where there is none; why; and whether to leave it at that."""

    url: str
    file: str
    bytes: int = 0
    sha256: str = ""
    reason: str = ""
    final: bool = True


class Ledger:
    """Addresses and what became of them. Safe in threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """To write; made where there is none. LoaderError where it is damaged, or another fetch has it."""
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / NAME, check_same_thread=False)
        try:
            with connection:
                connection.execute(_SCHEMA)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise LoaderError(
                f"{folder / NAME} cannot be used: {error}.", hint="Delete it, and all pictures are asked for again."
            ) from error
        return cls(connection)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """To read alone; None where nothing was fetched into the folder."""
        if not (folder / NAME).is_file():
            return None
        path = (folder / NAME).resolve().as_uri()
        return cls(sqlite3.connect(f"{path}?mode=ro", uri=True, check_same_thread=False))

    def find(self, url: str) -> Known | None:
        """What became of an address; None where it is new, or the database cannot be read."""
        with self._lock:
            try:
                row = self._connection.execute("SELECT * FROM picture WHERE url = ?", (address(url),)).fetchone()
            except sqlite3.DatabaseError:
                return None
        return None if row is None else Known(*row[:5], final=bool(row[5]))

    def reasons(self, most: int) -> list[tuple[str, int, str]]:
        """Why there is no picture, the most frequent first: the reason, of how many addresses, and one of them."""
        asked = (
            "SELECT reason, count(*), min(url) FROM picture WHERE file = '' GROUP BY reason ORDER BY 2 DESC, 1 LIMIT ?"
        )
        with self._lock:
            return [(str(why), int(count), str(url)) for why, count, url in self._connection.execute(asked, (most,))]

    def put(self, known: Known) -> None:
        """Keep what became of an address."""
        row = (address(known.url), known.file, known.bytes, known.sha256, known.reason, int(known.final))
        with self._lock, self._connection:
            self._connection.execute("INSERT OR REPLACE INTO picture VALUES (?, ?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()


def address(url: str) -> str:
    """An address as it is kept: "//cdn.example/a.jpg" is one of https."""
    return f"https:{url}" if url.startswith("//") else url

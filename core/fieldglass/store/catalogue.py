"""Opening catalogue.sqlite for reading and for writing, and the transactions on it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fieldglass.errors import (
    CollectionError,
    DamagedError,
    FieldglassError,
    FormatError,
    NotACollectionError,
    ReadOnlyError,
)
from fieldglass.store.network import network_type
from fieldglass.store.schema import APPLICATION, FORMAT

__all__ = ["NAME", "Reading", "catalogue_errors", "connect_writer", "disk_errors", "transaction"]

NAME = "catalogue.sqlite"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Reading:
    """How to open read-only connections to the catalogue of a folder.

    Normally `mode=ro`, which locks out nobody. On media that cannot be written and where that fails,
    `immutable=1`; where a write-ahead log was left behind there, a copy in a temporary folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        path = folder / NAME
        if not path.is_file():
            raise NotACollectionError(
                f"{folder} is not a collection: it has no {NAME}.",
                hint="Make one with `fieldglass index SOURCE --to COLLECTION`.",
            )
        network = network_type(folder)
        self.read_only = bool(network) or not (os.access(folder, os.W_OK) and os.access(path, os.W_OK))
        log = folder / f"{NAME}-wal"
        pending = log.exists() and log.stat().st_size > 0
        if network and pending:
            raise CollectionError(
                f"{folder} is on a network file system ({network}) and was not closed, or is being written.",
                hint="Close its writer, or copy it to a local disk: its catalogue cannot be shared over a network.",
            )
        self._uri = f"{path.as_uri()}?mode=ro"
        if network or (self.read_only and not self._opens()):
            self._settle(path, log if pending else None)

    def connect(self) -> sqlite3.Connection:
        """A new connection, usable from any thread (one at a time)."""
        connection = _connect(self._uri, self._folder)
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _opens(self) -> bool:
        """Whether the log and its shared memory can be used as they are: there may be a writer of other rights."""
        try:
            self.connect().close()
        except DamagedError:
            return False
        return True

    def _settle(self, path: Path, log: Path | None) -> None:
        """Read what cannot change; replay a log that was left behind in a copy."""
        if log is None:
            self._uri = f"{path.as_uri()}?mode=ro&immutable=1"
            return
        self._copy = tempfile.TemporaryDirectory(prefix="fieldglass-")
        for each in (path, log):
            shutil.copyfile(each, Path(self._copy.name) / each.name)
        self._uri = (Path(self._copy.name) / NAME).as_uri()

    def close(self) -> None:
        """Remove the temporary copy, if there is one."""
        if self._copy is not None:
            self._copy.cleanup()


def connect_writer(folder: Path) -> sqlite3.Connection:
    """The connection of the one writer: every commit is on the disk when it returns."""
    network = network_type(folder)
    if network:
        raise ReadOnlyError(
            f"{folder} is on a network file system ({network}), where a catalogue cannot be written safely.",
            hint="Write the collection on a local disk and copy it over when it is finished.",
        )
    connection = _connect(f"{(folder / NAME).as_uri()}?mode=rw", folder)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA cache_size = -32768")  # KiB
    return connection


def _connect(uri: str, folder: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
    except sqlite3.Error as error:
        raise CollectionError(f"The catalogue of {folder} cannot be opened: {error}.") from error
    try:
        with catalogue_errors(folder):
            _check_format(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_format(connection: sqlite3.Connection, folder: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise NotACollectionError(f"{folder / NAME} is an SQLite database, but not that of a collection.")
    if version > FORMAT:
        raise FormatError(
            f"{folder} has collection format {version}; this Fieldglass reads up to {FORMAT}.",
            hint="Upgrade: pip install --upgrade fieldglass.",
        )


@contextmanager
def catalogue_errors(folder: Path) -> Iterator[None]:
    """A catalogue that SQLite cannot read, or whose rows make no sense, becomes DamagedError."""
    try:
        yield
    except FieldglassError:
        raise
    except (sqlite3.DatabaseError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise DamagedError(
            f"{folder / NAME} cannot be read: {error}.", hint="Restore it from a copy, or index again."
        ) from error


@contextmanager
def transaction(connection: sqlite3.Connection, folder: Path) -> Iterator[None]:
    """All or nothing; on the disk when it ends. A full or read-only disk becomes an error that says so."""
    with disk_errors(folder):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what a disk refuses into CollectionError or ReadOnlyError."""
    try:
        yield
    except CollectionError:
        raise
    except (OSError, sqlite3.OperationalError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        number = getattr(error, "errno", None)
        if code == sqlite3.SQLITE_FULL or number in _FULL:
            raise CollectionError(
                f"The disk of {folder} is full. Nothing that was committed is lost.",
                hint="Make room and run the same command again; it goes on where it stopped.",
            ) from error
        if code == sqlite3.SQLITE_READONLY or number == errno.EROFS:
            raise ReadOnlyError(f"{folder} cannot be written: {error}.") from error
        if isinstance(error, sqlite3.OperationalError):
            raise CollectionError(f"The catalogue of {folder} refused: {error}.") from error
        raise

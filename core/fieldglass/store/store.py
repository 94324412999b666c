"""A collection: a folder with a catalogue, segments, parcels that come in, and what is derived from them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fieldglass.errors import CollectionError, ReadOnlyError
from fieldglass.store import leases, segments
from fieldglass.store.catalogue import NAME, Reading, catalogue_errors, disk_errors
from fieldglass.store.durable import fsync_folder
from fieldglass.store.leases import Lease
from fieldglass.store.listing import FileCache
from fieldglass.store.parcels import INCOMING
from fieldglass.store.records import Finding
from fieldglass.store.schema import create_tables
from fieldglass.store.snapshot import Snapshot
from fieldglass.store.sweeping import DERIVED
from fieldglass.store.writer import Writer

__all__ = ["Store"]


class Store:
    """An open collection. Reading never locks and never removes anything."""

    def __init__(self, path: Path) -> None:
        """Use `Store.open` or `Store.create`."""
        self.path = path
        self._reading = Reading(path)
        self.read_only = self._reading.read_only
        self._monitor = self._reading.connect()
        self._lock = threading.Lock()
        self._files: FileCache = {}
        self._cached: tuple[int, Snapshot] | None = None
        self._release = weakref.finalize(self, _release, self._monitor, self._reading)

    @staticmethod
    def create(path: str | os.PathLike[str], *, properties: Mapping[str, str] | None = None) -> Store:
        """Make an empty collection, at once or not at all. CollectionError where something is there already."""
        folder = Path(path).absolute()
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise CollectionError(f"{folder} already exists.", hint="Open it, or choose another name.")
        temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
        with disk_errors(folder):
            try:
                for part in (segments.FOLDER, INCOMING, DERIVED, leases.FOLDER):
                    (temporary / part).mkdir(parents=True)
                connection = sqlite3.connect(temporary / NAME, isolation_level=None)
                try:
                    create_tables(connection)
                    connection.executemany("INSERT INTO property VALUES (?, ?)", (properties or {}).items())
                finally:
                    connection.close()
                fsync_folder(temporary)
                if folder.exists():
                    folder.rmdir()
                os.replace(temporary, folder)
                fsync_folder(folder.parent)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        return Store.open(folder)

    @staticmethod
    def open(path: str | os.PathLike[str]) -> Store:
        """Open for reading. NotACollectionError, FormatError or DamagedError say why not."""
        return Store(Path(path).absolute())

    def snapshot(self) -> Snapshot:
        """The collection as it is now. The same object while nothing was committed."""
        with self._lock:
            (mark,) = self._monitor.execute("PRAGMA data_version").fetchone()
            if self._cached is None or self._cached[0] != mark or not self._cached[1].close.alive:
                self._cached = mark, self._fresh()
            return self._cached[1]

    def release(self) -> None:
        """Let go of the snapshot that is kept for the next reader: the write-ahead log grows while one is open."""
        with self._lock:
            self._cached = None

    @contextmanager
    def writer(self, purpose: str) -> Iterator[Writer]:
        """The one writer, until the block ends. LockedError says who else holds it; ReadOnlyError where nobody can."""
        if self.read_only:
            raise ReadOnlyError(
                f"{self.path} cannot be written.",
                hint="Copy it to a place that you may write, or change its permissions.",
            )
        with self._lock:
            self._cached = None  # its read transaction would keep the write-ahead log growing
        with disk_errors(self.path):
            writer = Writer(self.path, purpose)
        try:
            yield writer
        finally:
            with self._lock:
                self._cached = None
            writer.close()

    def verify(self) -> Iterator[Finding]:
        """Read everything; one finding for each file or row that is not as it was written. Changes nothing."""
        with self._lock:
            snapshot = self._fresh()
        try:
            yield from snapshot.verify()
        finally:
            snapshot.close()

    def close(self) -> None:
        """Forget the snapshot kept here; snapshots that are held elsewhere stay valid."""
        with self._lock:
            self._cached = None
            self._files.clear()
            self._release()

    def _fresh(self) -> Snapshot:
        lease = Lease(self.path)
        try:
            connection = self._reading.connect()
            with catalogue_errors(self.path):
                return Snapshot(self.path, connection, lease, self._files)
        except BaseException:
            lease.release()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _release(monitor: sqlite3.Connection, reading: Reading) -> None:
    monitor.close()
    reading.close()

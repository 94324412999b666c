"""The one writer of a collection. Every method is one transaction: what it returned is on the disk."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import FieldglassError, UnknownNameError, UsageError
from fieldglass.store import journal
from fieldglass.store.adoption import Rows, adopt, insert_segments, kill, revise, touch_state
from fieldglass.store.bulk import append_blocks
from fieldglass.store.catalogue import connect_writer, disk_errors, transaction
from fieldglass.store.columns import Columns
from fieldglass.store.compaction import change_over, compacted
from fieldglass.store.derived import note_derived, write_file
from fieldglass.store.durable import fsync_folder
from fieldglass.store.filling import Row, fill_files, gathered
from fieldglass.store.listing import Listing, list_segments
from fieldglass.store.locks import WriterLock
from fieldglass.store.merging import merge_rows, plan_merges, replace_segments
from fieldglass.store.metadata import Touched, annotate, touch
from fieldglass.store.packing import pack
from fieldglass.store.parcels import Parcel, link_files, list_parcels, read_parcel
from fieldglass.store.records import Column, Committed, Entry, Fault, Field, Known, Source
from fieldglass.store.registering import absolute, add_field, add_source, move_source
from fieldglass.store.scans import begin_scan, forget, see, unseen
from fieldglass.store.segments import FOLDER
from fieldglass.store.snapshot import read_fields, read_sources
from fieldglass.store.sweeping import remove_orphans, remove_retired
from fieldglass.store.verify import damaged
from fieldglass.types import Problem

__all__ = ["Writer"]

_CHUNK = 500


class Writer:
    """Made by `Store.writer`. Ids and subjects are in the collection's form: see `Source.collection_id`."""

    def __init__(self, folder: Path, purpose: str) -> None:
        """Take the lock (LockedError) and remove what a killed writer left behind."""
        self.path = folder
        self._lock = WriterLock(folder, purpose)
        try:
            self._connection = connect_writer(folder)
        except BaseException:
            self._lock.release()
            raise
        try:
            remove_orphans(self._connection, folder)
            self._remove_retired()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Bring the write-ahead log into the catalogue and give the lock back."""
        try:
            self._connection.execute("PRAGMA busy_timeout = 0")  # a reader of an older version keeps nobody waiting
            with contextlib.suppress(sqlite3.OperationalError):  # a full disk: the log is as durable as the catalogue
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()
            self._lock.release()

    # Sources, fields, columns

    def add_source(self, name: str, root: Path, loader: str, options: Mapping[str, Any] | None = None) -> Source:
        """A root of items; the same name and root again is the same source, with the options of now.

        UsageError where the root overlaps with another's, or the name cannot be used.
        """
        with self._transaction():
            source = add_source(self._connection, name, absolute(root), loader, options or {})
            touch_state(self._connection)
        return source

    def keep_property(self, name: str, value: str) -> None:
        """A property of the collection, unless it has one of that name."""
        with self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO property VALUES (?, ?)", (name, value))
            touch_state(self._connection)

    def set_property(self, name: str, value: str) -> None:
        """A property of the collection, in the place of one of that name."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (name, value))
            touch_state(self._connection)

    def relocate(self, name: str, root: Path) -> None:
        """The root of a source has moved. Nothing is read again. An empty source that is in its way goes."""
        with self._transaction():
            move_source(self._connection, name, absolute(root))
            touch_state(self._connection)

    def add_field(self, field: Field) -> None:
        """A kind of vector. FingerprintError where that name holds vectors of another encoder or shape."""
        with self._transaction():
            add_field(self._connection, field)
            touch_state(self._connection)

    def define(self, columns: Iterable[Column]) -> None:
        """Metadata columns before there are any, as another collection has them."""
        with self._transaction():
            made = Columns(self._connection)
            for column in columns:
                made.define(column)
            made.finish()
            touch_state(self._connection)

    # Items

    def known(self, source: Source, ids: Sequence[str]) -> dict[str, Known]:
        """What the collection or its journal holds of each id; ids that neither knows are left out."""
        found: dict[str, Known] = {}
        for start in range(0, len(ids), _CHUNK):
            chunk = list(ids[start : start + _CHUNK])
            marks = ",".join("?" * len(chunk))
            for id, *rest in self._connection.execute(
                "SELECT id, position, stamp, content_hash, metadata_hash FROM item "
                f"WHERE source = {source.key} AND id IN ({marks})",
                chunk,
            ):
                found[id] = Known(*rest)
            for id, stamp in self._connection.execute(
                "SELECT subject, stamp FROM journal "
                f"WHERE source = {source.key} AND severity = 'error' AND subject IN ({marks})",
                chunk,
            ):
                item = found.get(id)
                found[id] = (
                    Known(item.position, stamp, item.content_hash, item.metadata_hash) if item else Known(None, stamp)
                )
        return found

    def commit(
        self,
        source: Source,
        entries: Sequence[Entry] = (),
        problems: Sequence[Problem | Fault] = (),
        metadata_only: Sequence[Touched] = (),
    ) -> Committed:
        """Add or replace items, write problems, and touch items whose content is the same.

        `metadata_only` holds (id, metadata with groups, metadata hash, stamp). An item that is taken or
        touched loses its older problems. Nothing of a batch is visible before all of it is on the disk.
        """
        faults = [each if isinstance(each, Fault) else Fault(each) for each in problems]
        done = Committed(problems=sum(fault.problem.severity == "error" for fault in faults))
        fields = read_fields(self._connection)
        with self._files() as number, self._transaction():
            if entries:
                segments = pack(self.path, number, fields, entries)
                done += adopt(self._connection, source, Rows.of(entries), segments)
                self._took(number, 1)
            if metadata_only:
                done += touch(self._connection, source, metadata_only)
            journal.record(self._connection, source, faults)
            touch_state(self._connection)
        self._merge(everything=False)
        return done

    def fill(self, field: str, vectors: Iterable[Row]) -> int:
        """Vectors (position, (rows, dim)) of a field for items that are there; how many were written.

        In order of position it streams: some 64 MiB of vectors are one transaction.
        """
        spec = self._field(field)
        written = 0
        for batch in gathered(spec, vectors):
            (size,) = self._connection.execute("SELECT size FROM state").fetchone()
            if batch[0][0] < 0 or batch[-1][0] >= size:
                raise UsageError(f"Positions {batch[0][0]} to {batch[-1][0]} are not all below {size}.")
            segments = self._listing().fields.get(field, ())
            with self._files() as number, self._transaction():
                rows, replaced = fill_files(self.path, spec, segments, batch, number)
                replace_segments(self._connection, [(field, each) for each in replaced])
                insert_segments(self._connection, 0, rows)
                self._took(number, len(rows))
                revise(self._connection, field)
            written += len(batch)
        self._remove_retired()
        return written

    def put_metadata(self, rows: Iterable[tuple[str, Mapping[str, Any]]], *, annotated: bool = True) -> Committed:
        """Set cells by id and leave the others; None empties one. `changed` items were found.

        Columns that are new are `annotated`: they stay when an item is read again. `refresh` says False.
        """
        with self._transaction():
            sources = {each.key: each for each in read_sources(self._connection).values()}
            done = annotate(self._connection, sources, rows, annotated)
            touch_state(self._connection)
        return done

    def delete(self, ids: Iterable[str]) -> int:
        """Remove items; how many there were. Their space comes back with a compaction."""
        with self._transaction():
            gone = kill(self._connection, ids)
            touch_state(self._connection, data=gone > 0)
        return gone

    def begin_scan(self) -> int:
        """A token for `seen` and `prune`."""
        return begin_scan(self._connection)

    def seen(self, token: int, subjects: Iterable[str]) -> None:
        """What a scan has met: ids of items, and subjects of problems."""
        see(self._connection, token, subjects)

    def prune(self, source: Source, token: int) -> int:
        """Remove the items and problems of a source that its scan has not met; how many items."""
        with self._transaction():
            gone = unseen(self._connection, source, token)
            touch_state(self._connection, data=gone > 0)
        return gone

    def forget(self, source: Source, token: int) -> None:
        """Remove the problems that earlier scans of a source found and this one, which was whole, did not."""
        with self._transaction():
            if forget(self._connection, source, token):
                touch_state(self._connection)

    # Files

    def merge(self) -> None:
        """Join small neighbouring segments. Positions stay, and indexes stay good."""
        self._merge(everything=True)

    def compact(self) -> int:
        """Write everything anew without the removed items, at new positions; how many were dropped."""
        dead = [position for (position,) in self._connection.execute("SELECT position FROM dead ORDER BY position")]
        if not dead:
            self.merge()
            return 0
        (size,) = self._connection.execute("SELECT size FROM state").fetchone()
        listing, gone = self._listing(), np.array(dead, dtype=np.int64)
        with self._files() as number:
            with disk_errors(self.path):
                rows = list(compacted(self.path, read_fields(self._connection), listing, gone, number))
                fsync_folder(self.path / FOLDER)
            with self._transaction():
                change_over(self._connection, listing, rows, gone, size)
        self._remove_retired()
        with contextlib.suppress(sqlite3.OperationalError):  # no room for it now
            self._connection.execute("VACUUM")
        return len(dead)

    def repair(self) -> int:
        """Drop damaged segments; how many items the next ingest will encode again for that."""
        (before,) = self._connection.execute("SELECT count(*) FROM item WHERE stamp = ''").fetchone()
        broken = list(damaged(self._listing()))
        with self._transaction():
            replace_segments(self._connection, [(name, each) for name, each, _ in broken])
            self._connection.executemany(
                "UPDATE item SET stamp = '', content_hash = '' WHERE position >= ? AND position < ?",
                ((each.start, each.stop) for _, each, _ in broken),
            )
            for name in {name for name, _, _ in broken}:
                revise(self._connection, name)
        self._remove_retired()
        (after,) = self._connection.execute("SELECT count(*) FROM item WHERE stamp = ''").fetchone()
        return int(after - before)

    def adopt_incoming(self) -> Committed:
        """Commit the parcels of `incoming/`, each in one transaction, and remove them.

        The first parcel that cannot be taken is told once the others are in; it stays where it is.
        """
        done = Committed()
        refused: FieldglassError | None = None
        sources, fields = read_sources(self._connection), read_fields(self._connection)
        adopted = {name for (name,) in self._connection.execute("SELECT name FROM parcel")}
        for path in list_parcels(self.path):
            if path.name not in adopted:
                try:
                    done += self._adopt(read_parcel(path, fields), sources)
                except FieldglassError as error:
                    refused = refused or error
                    continue
            shutil.rmtree(path, ignore_errors=True)
        left = {path.name for path in list_parcels(self.path)}
        with self._transaction():
            gone = [(name,) for (name,) in self._connection.execute("SELECT name FROM parcel") if name not in left]
            self._connection.executemany("DELETE FROM parcel WHERE name = ?", gone)
        if refused is not None:
            raise refused
        self._merge(everything=False)
        return done

    def write_derived(self, name: str, write: Callable[[Path], None], meta: Mapping[str, Any]) -> None:
        """Make or replace a derived file; `write` is given a path to write it to. `Snapshot.derived` finds it."""
        with self._files() as number:
            with disk_errors(self.path):
                file, sealed = write_file(self.path, name, number, write)
            with self._transaction():
                note_derived(self._connection, name, file, sealed, meta)
                self._took(number, 1)
                touch_state(self._connection)
        self._remove_retired()

    def append_bulk(
        self,
        source: Source,
        ids: Sequence[str],
        vectors: np.ndarray[Any, Any] | Iterable[np.ndarray[Any, Any]],
        metadata: Mapping[str, Sequence[Any]] | None = None,
        *,
        groups: Mapping[str, Sequence[str | None]] | None = None,
        field: str | None = None,
        block: int = 65536,
    ) -> Committed:
        """Ready vectors, (n, dim) or (n, rows, dim), whole or as blocks, with their ids and columns.

        Streamed: memory is that of one block of rows, which is also one transaction. Without `field`
        the collection must have exactly one.
        """
        fields = read_fields(self._connection)
        if field is None and len(fields) != 1:
            raise UsageError(f"The collection has {len(fields)} fields.", hint=f"Name one of: {', '.join(fields)}.")
        spec = self._field(field or next(iter(fields)))
        done = Committed()
        for rows, write in append_blocks(self.path, spec, ids, vectors, metadata or {}, groups or {}, block):
            with self._files() as number, self._transaction():
                done += adopt(self._connection, source, rows, write(number))
                self._took(number, 1)
        return done

    # Inside

    def _transaction(self) -> Any:
        return transaction(self._connection, self.path)

    @contextmanager
    def _files(self) -> Iterator[int]:
        """A number for new files, which are removed again where their transaction fails."""
        (number,) = self._connection.execute("SELECT next_file FROM state").fetchone()
        try:
            yield number
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                remove_orphans(self._connection, self.path)
            raise

    def _remove_retired(self) -> None:
        with self._transaction():
            remove_retired(self._connection, self.path)

    def _took(self, number: int, files: int) -> None:
        self._connection.execute("UPDATE state SET next_file = ?", (number + files,))

    def _listing(self) -> Listing:
        return list_segments(self._connection, self.path, read_fields(self._connection))

    def _field(self, name: str) -> Field:
        fields = read_fields(self._connection)
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise UnknownNameError(f"The collection has no field {name!r}.", hint=f"Fields: {known}.")
        return fields[name]

    def _merge(self, *, everything: bool) -> None:
        runs = plan_merges(self._listing(), everything=everything)
        if not runs:
            return
        with self._files() as number:
            with disk_errors(self.path):
                rows = merge_rows(self.path, read_fields(self._connection), runs, number)
                fsync_folder(self.path / FOLDER)
            with self._transaction():
                replace_segments(self._connection, [(name, each) for name, run in runs for each in run])
                insert_segments(self._connection, 0, rows)
                self._took(number, len(rows))
                touch_state(self._connection)
        self._remove_retired()

    def _adopt(self, parcel: Parcel, sources: Mapping[str, Source]) -> Committed:
        if parcel.source not in sources:
            raise UnknownNameError(f"{parcel.path} belongs to a source {parcel.source!r} that is not there.")
        source = sources[parcel.source]
        errors = sum(fault.problem.severity == "error" for fault in parcel.faults)
        done = Committed(problems=errors)
        with self._files() as number, self._transaction():
            if parcel.rows.ids:
                segments = link_files(self.path, parcel, number)
                done += adopt(self._connection, source, parcel.rows, segments)
                self._took(number, 1)
            journal.record(self._connection, source, parcel.faults)
            self._connection.execute("INSERT INTO parcel VALUES (?)", (parcel.path.name,))
            touch_state(self._connection)
        return done

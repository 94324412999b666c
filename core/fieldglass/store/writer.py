"""The one writer of a collection. Every method is one transaction: what it returned is on the disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import FingerprintError, UnknownNameError, UsageError
from fieldglass.store import journal
from fieldglass.store.adoption import Rows, adopt, touch_state
from fieldglass.store.bulk import append_blocks
from fieldglass.store.catalogue import connect_writer, transaction
from fieldglass.store.codec import check_spec
from fieldglass.store.locks import WriterLock
from fieldglass.store.packing import pack
from fieldglass.store.records import Committed, Entry, Fault, Field, Known, Source
from fieldglass.store.snapshot import read_fields, read_sources
from fieldglass.store.sweeping import remove_orphans, remove_retired
from fieldglass.types import Problem

__all__ = ["Writer"]

_CHUNK = 500
_FIELD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Writer:
    """Made by `Store.writer`. Ids and subjects are in the collection's form: see `Source.collection_id`."""

    def __init__(self, folder: Path, purpose: str) -> None:
        """Take the lock (LockedError) and remove what a killed writer left behind."""
        self.path = folder
        self._lock = WriterLock(folder, purpose)
        try:
            self._connection = connect_writer(folder)
            with self._transaction():
                remove_orphans(self._connection, folder)
                remove_retired(self._connection, folder)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Bring the write-ahead log into the catalogue and give the lock back."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()
            self._lock.release()

    # Sources, fields, properties

    def add_source(self, name: str, root: Path, loader: str, options: Mapping[str, Any] | None = None) -> Source:
        """A root of items; the same name and root again is the same source, with the options of now.

        UsageError where the root overlaps with another's, or the name cannot be used.
        """
        if not name or "/" in name or not name.isprintable():
            raise UsageError(f"{name!r} cannot name a source.", hint="Use printable characters other than /.")
        place = root.resolve()
        with self._transaction():
            known = read_sources(self._connection)
            for other in known.values():
                _check_overlap(name, place, loader, other)
            text = json.dumps(dict(options or {}))
            if name in known:
                self._connection.execute("UPDATE source SET options = ? WHERE name = ?", (text, name))
            else:
                self._check_prefix(name)
                self._connection.execute(
                    "INSERT INTO source (name, root, loader, options) VALUES (?, ?, ?, ?)",
                    (name, str(place), loader, text),
                )
            touch_state(self._connection)
            return read_sources(self._connection)[name]

    def relocate(self, name: str, root: Path) -> None:
        """The root of a source has moved. Nothing is read again."""
        place = root.resolve()
        with self._transaction():
            known = read_sources(self._connection)
            if name not in known:
                raise UnknownNameError(f"{self.path} has no source {name!r}.", hint=f"Sources: {', '.join(known)}.")
            if not place.exists():
                raise UsageError(f"{place} does not exist.")
            for other in known.values():
                if other.name != name:
                    _check_overlap(name, place, "", other)
            self._connection.execute("UPDATE source SET root = ? WHERE name = ?", (str(place), name))
            touch_state(self._connection)

    def add_field(self, field: Field) -> None:
        """A kind of vector. FingerprintError where that name holds vectors of another encoder or shape."""
        if not _FIELD_NAME.fullmatch(field.name):
            raise UsageError(f"{field.name!r} cannot name a field.", hint="Use letters, digits, - and _.")
        check_spec(field)
        with self._transaction():
            known = read_fields(self._connection).get(field.name)
            if known is not None:
                self._check_same(field, known)
                return
            self._connection.execute(
                "INSERT INTO field (name, encoder, options, fingerprint, dim, rows, dtype, reduce, origin) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (field.name, field.encoder, json.dumps(dict(field.options)), field.fingerprint)
                + (field.dim, field.rows, field.dtype, field.reduce, field.origin),
            )
            touch_state(self._connection)

    def set_property(self, name: str, value: str) -> None:
        """A property of the whole collection, such as `exclude_group`."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", (name, value))
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
        metadata_only: Sequence[tuple[str, Mapping[str, Any], str, str]] = (),
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
                self._connection.execute("UPDATE state SET next_file = ?", (number + 1,))
            journal.record(self._connection, source, faults)
            touch_state(self._connection)
        return done

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
        name = field or next(iter(fields))
        if name not in fields:
            raise UnknownNameError(f"The collection has no field {name!r}.", hint=f"Fields: {', '.join(fields)}.")
        done = Committed()
        for rows, write in append_blocks(self.path, fields[name], ids, vectors, metadata or {}, groups or {}, block):
            with self._files() as number, self._transaction():
                done += adopt(self._connection, source, rows, write(number))
                self._connection.execute("UPDATE state SET next_file = ?", (number + 1,))
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
            remove_orphans(self._connection, self.path)
            raise

    def _check_prefix(self, name: str) -> None:
        """The ids of a later source begin with `name/`, which must not be a folder of the first."""
        clash = self._connection.execute(
            "SELECT id FROM item WHERE id >= ? AND id < ? LIMIT 1", (f"{name}/", f"{name}0")
        )
        row = clash.fetchone()
        if row is not None:
            raise UsageError(
                f"The name {name!r} of the source would be taken for a folder that already has items ({row[0]}).",
                hint="Give it another name.",
            )

    def _check_same(self, field: Field, known: Field) -> None:
        shape = (field.fingerprint, field.dim, field.rows, field.dtype)
        if shape != (known.fingerprint, known.dim, known.rows, known.dtype):
            raise FingerprintError(
                f"Field {field.name!r} of {self.path} holds vectors of {known.encoder} ({known.fingerprint}), "
                f"not of {field.encoder} ({field.fingerprint}).",
                hint=f"Index anew: fieldglass index SOURCE --to ANOTHER.collection --encoder {field.encoder}",
            )


def _check_overlap(name: str, root: Path, loader: str, other: Source) -> None:
    if other.name == name:
        if other.root != root:
            raise UsageError(
                f"Source {name!r} has the root {other.root}, not {root}.",
                hint=f"If it has moved: fieldglass relocate COLLECTION {name} {root}. Otherwise give the source another name.",
            )
        if other.loader != loader:
            raise UsageError(f"Source {name!r} is read by the loader {other.loader!r}, not {loader!r}.")
    elif root.is_relative_to(other.root) or other.root.is_relative_to(root):
        raise UsageError(
            f"{root} overlaps with {other.root}, the root of source {other.name!r}.",
            hint="Index the outer folder as one source, or put the other into a collection of its own.",
        )

"""One version of a collection, as a reader sees it: consistent for as long as it is held."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UnknownNameError
from fieldglass.store import filters
from fieldglass.store.catalogue import catalogue_errors
from fieldglass.store.codec import decode
from fieldglass.store.columns import from_stored, read_columns
from fieldglass.store.comparisons import Numbers, parted
from fieldglass.store.derived import find_derived
from fieldglass.store.leases import Lease
from fieldglass.store.listing import FileCache, Listing, list_segments
from fieldglass.store.records import Column, Field, Finding, JournalRow, Source
from fieldglass.store.segments import Segment
from fieldglass.store.verify import verify
from fieldglass.types import Item

if TYPE_CHECKING:
    from fieldglass.types import F32, F64, I64, Bitmap

__all__ = ["Snapshot", "read_fields", "read_sources"]

_CHUNK = 500  # names in one IN (...)
_WINDOW = 1 << 17  # positions of which numbers are read at once
_FILTERS = 16  # answers of filters that are kept
_MANY = 32  # a comparison is passed by more than one item in so many


class Snapshot:
    """Everything of one version of the catalogue. Safe in threads.

    `version` grows with every commit, `data_version` when vectors or positions change, `epoch` when a
    compaction gives new positions. `revisions` has a number for each field that grows when vectors at
    positions that were there before change (`Writer.fill`). `size` is the highest position + 1, `count`
    the number of live items. It holds a lease and a read transaction until it is closed or forgotten.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, lease: Lease, files: FileCache) -> None:
        self.path = folder
        self._connection = connection
        self._lock = threading.RLock()
        self._selected: dict[str, I64] = {}
        self._derived: dict[str, tuple[Path, dict[str, Any]] | None] = {}
        self.close = weakref.finalize(self, _release, connection, lease)
        connection.execute("BEGIN")
        state = connection.execute("SELECT version, data_version, epoch, size FROM state").fetchone()
        self.version: int = state[0]
        self.data_version: int = state[1]
        self.epoch: int = state[2]
        self.size: int = state[3]
        lease.note(self.version)
        self.properties: Mapping[str, str] = dict(connection.execute("SELECT name, value FROM property ORDER BY name"))
        self.fields: Mapping[str, Field] = read_fields(connection)
        self.sources: Mapping[str, Source] = read_sources(connection)
        self.revisions: Mapping[str, int] = dict(connection.execute("SELECT name, revision FROM field"))
        self._by_key = {source.key: source for source in self.sources.values()}
        self._columns = read_columns(connection)
        self.columns: Mapping[str, Column] = {name: column for name, (_, column) in self._columns.items()}
        self._numbers = Numbers(self.size)
        self._dead_count: int = connection.execute("SELECT count(*) FROM dead").fetchone()[0]
        listing = list_segments(connection, folder, self.fields, files)
        self._segments, self._thumbs = listing.fields, listing.thumbs

    # What there is

    @property
    def count(self) -> int:
        """Live items."""
        return self.size - self._dead_count

    @property
    def notices(self) -> tuple[str, ...]:
        """What every result of the collection bears, as its loader says: "not for diagnosis"."""
        notice = self.properties.get("notice")
        return (notice,) if notice else ()

    @cached_property
    def dead(self) -> I64:
        """Positions of deleted and replaced items, sorted."""
        rows = self._all("SELECT position FROM dead ORDER BY position")
        return np.fromiter((row for (row,) in rows), dtype=np.int64, count=len(rows))

    @cached_property
    def alive(self) -> Bitmap:
        """(size,) bool."""
        alive = np.ones(self.size, dtype=np.bool_)
        alive[self.dead] = False
        return alive

    def live_positions(self) -> I64:
        """Positions of all live items, sorted."""
        return np.flatnonzero(self.alive)

    # Vectors

    def segments(self, field: str) -> tuple[Segment, ...]:
        """The files of a field, by position. Their ranges may have gaps, where no item has it."""
        self._field(field)
        return self._segments.get(field, ())

    def present(self, field: str) -> Bitmap:
        """(size,) bool: live, and with that field."""
        present = np.zeros(self.size, dtype=np.bool_)
        for segment in self.segments(field):
            present[segment.start : segment.stop] = True if segment.present is None else segment.present
        return present & self.alive

    def vectors(self, field: str, positions: I64 | Sequence[int]) -> F32:
        """(n, rows, dim) float32; zeros where the item lacks the field."""
        spec = self._field(field)
        wanted = np.asarray(positions, dtype=np.int64)
        found = np.zeros((len(wanted), spec.rows, spec.dim), dtype=np.float32)
        segments = self.segments(field)
        owner = np.searchsorted([segment.start for segment in segments], wanted, side="right") - 1
        for number in np.unique(owner[owner >= 0]):
            segment = segments[number]
            rows = np.flatnonzero((owner == number) & (wanted < segment.stop))
            found[rows] = decode(spec, segment.array[wanted[rows] - segment.start])
        return found

    # Items

    def positions(self, ids: Sequence[str]) -> I64:
        """(n,) position of each id, -1 where there is none."""
        found: dict[str, int] = {}
        for chunk in _chunks(ids):
            found.update(self._all(f"SELECT id, position FROM item WHERE id IN ({_marks(chunk)})", chunk))
        return np.fromiter((found.get(id, -1) for id in ids), dtype=np.int64, count=len(ids))

    def ids(self, positions: I64 | Sequence[int]) -> list[str]:
        """The id at each position, "" where the item is gone."""
        return [row[0] if row else "" for row in self._rows("id", positions)]

    def select(self, where: str, limit_s: float = 2.0) -> I64:
        """Sorted positions of the live items that match an SQL expression over the metadata columns. FilterError."""
        found = self._selected.get(where)
        if found is None:
            with self._lock:
                found = self._matching(where, limit_s)
                if len(self._selected) >= _FILTERS:
                    del self._selected[next(iter(self._selected))]
                self._selected[where] = found
            found.flags.writeable = False
        return found

    def _matching(self, where: str, limit_s: float) -> I64:
        comparisons, rest = parted(where, self.columns)
        holds = self._numbers.bitmap(comparisons, self.numbers) if comparisons else None
        if holds is not None and not rest:
            return np.flatnonzero(holds)
        if holds is not None and _MANY * np.count_nonzero(holds) > self.size:  # of few, their index is the best start
            others = self.select(rest, limit_s)
            return others[holds[others]]
        names = ["id", "source", "path", *(column.sql for column in self.columns.values())]
        started = time.monotonic()
        found = filters.select(self._connection, where, names, limit_s)
        self._numbers.spent(comparisons, time.monotonic() - started)
        return found

    def members(self, group: str, value: str) -> I64:
        """Sorted positions of the items of one group."""
        rows = self._all(f"SELECT position FROM item WHERE {self._cell(group)} = ? ORDER BY position", (value,))
        return np.fromiter((row for (row,) in rows), dtype=np.int64, count=len(rows))

    def group(self, group: str, positions: I64 | Sequence[int]) -> list[str | None]:
        """The group of each position, None where it has none."""
        return [
            None if row is None or row[0] is None else str(row[0]) for row in self._rows(self._cell(group), positions)
        ]

    def metadata(self, positions: I64 | Sequence[int]) -> list[dict[str, Any]]:
        """The cells of each position, groups too, absent ones left out: bool, int, float, str (dates as ISO text)."""
        if not self._columns:
            return [{} for _ in positions]
        cells = ", ".join(f"c{key}" for key, _ in self._columns.values())
        kinds = [(name, column.type) for name, column in self.columns.items()]
        return [
            {
                name: from_stored(kind, value)
                for (name, kind), value in zip(kinds, row or (), strict=bool(row))
                if value is not None
            }
            for row in self._rows(cells, positions)
        ]

    def numbers(self, columns: Sequence[str]) -> F64:
        """(size, n) float64 of columns that hold numbers; NaN elsewhere, and where there is no such column."""
        found = np.full((self.size, len(columns)), np.nan)
        cells = [(at, name) for at, name in enumerate(columns) if name in self._columns]
        cells = [(at, name) for at, name in cells if self.columns[name].type in ("bool", "float", "int")]
        if not cells:
            return found
        asked = ", ".join(self._cell(name) for _, name in cells)
        kept = np.array([at for at, _ in cells])
        for start in range(0, self.size, _WINDOW):
            rows = self._all(
                f"SELECT position, {asked} FROM item WHERE position >= ? AND position < ?", (start, start + _WINDOW)
            )
            if rows:
                block = np.array(rows, dtype=np.float64)
                found[np.ix_(block[:, 0].astype(np.int64), kept)] = block[:, 1:]
        found[self.dead] = np.nan
        return found

    def items(self, positions: I64 | Sequence[int]) -> list[tuple[Source, Item]]:
        """What the loader of the source needs to read each again: its own id, paths, locator, metadata and groups."""
        wanted = np.asarray(positions, dtype=np.int64)
        fixed = self._rows("id, source, path, more, locator", wanted)
        found = []
        for position, row, cells in zip(wanted, fixed, self.metadata(wanted), strict=True):
            if row is None:
                raise UnknownNameError(f"There is no item at position {position}.")
            id, key, path, more, locator = row
            source = self._by_key[key]
            paths = () if path is None else (path, *(json.loads(more) if more else ()))
            groups = {name: value for name, value in cells.items() if self.columns[name].group}
            others = {name: value for name, value in cells.items() if name not in groups}
            found.append((source, Item(source.local_id(id), paths, json.loads(locator or "{}"), others, groups)))
        return found

    def content_hashes(self, source: Source) -> Iterator[tuple[int, str]]:
        """(position, content hash) of every item of a source."""
        last = -1
        while rows := self._all(
            "SELECT position, content_hash FROM item WHERE source = ? AND position > ? ORDER BY position LIMIT 10000",
            (source.key, last),
        ):
            yield from rows
            last = rows[-1][0]

    def content_hash(self, position: int) -> str:
        """The content hash of one item, "" where it is gone."""
        return next((row[0] for row in self._all("SELECT content_hash FROM item WHERE position = ?", (position,))), "")

    def stamps(self, positions: I64 | Sequence[int]) -> list[tuple[str, str, str, str]]:
        """Id, stamp, content hash and metadata hash of each position; empty where the item is gone."""
        rows = self._rows("id, stamp, content_hash, metadata_hash", positions)
        return [("", "", "", "") if row is None else (row[0], row[1], row[2], row[3]) for row in rows]

    def thumbnail(self, position: int) -> bytes | None:
        """The stored WebP preview, or None."""
        for thumbs in self._thumbs:
            if thumbs.start <= position < thumbs.stop:
                return thumbs.get(int(position)) or None
        return None

    # The rest

    def derived(self, name: str) -> tuple[Path, dict[str, Any]] | None:
        """Path and meta of a derived file, its checksums compared once; None where it is missing or damaged."""
        if name not in self._derived:
            rows = self._all("SELECT file, meta, bytes, head, blocks FROM derived WHERE name = ?", (name,))
            self._derived[name] = find_derived(self.path, rows[0]) if rows else None
        return self._derived[name]

    def verify(self) -> Iterator[Finding]:
        """What `Store.verify` says, on a snapshot that nothing else uses."""
        return verify(self.path, self._connection, Listing(self._segments, self._thumbs), self.size)

    def journal(
        self, *, severity: str | None = None, source: str | None = None, limit: int | None = None
    ) -> list[JournalRow]:
        """Problems, newest last."""
        rows = self._all(
            "SELECT s.name, j.subject, j.code, j.message, j.severity, j.at, j.stamp FROM journal j "
            "JOIN source s ON s.key = j.source WHERE (?1 IS NULL OR j.severity = ?1) AND (?2 IS NULL OR s.name = ?2) "
            "ORDER BY j.at, j.subject, j.code LIMIT ?3",
            (severity, source, -1 if limit is None else limit),
        )
        return [JournalRow(*row) for row in rows]

    def info(self) -> dict[str, Any]:
        """Counts and sizes, ready for JSON."""
        numbers = {each.number for group in self._segments.values() for each in group}
        sealed = [each.sealed for group in self._segments.values() for each in group]
        derived = dict(self._all("SELECT name, bytes FROM derived"))
        found = dict(self._all("SELECT severity, count(*) FROM journal GROUP BY severity"))
        held = (
            sum(each.size for each in sealed) + sum(each.sealed.size for each in self._thumbs) + sum(derived.values())
        )
        first = next(iter(self.fields.values()), None)
        return {
            "items": self.count,
            "encoder": first.encoder if first else None,
            "dim": first.dim if first else None,
            "dead": self._dead_count,
            "segments": len(numbers),
            "bytes": held + (self.path / "catalogue.sqlite").stat().st_size,
            "problems": found.get("error", 0),
            "warnings": found.get("warning", 0),
            "version": self.version,
            "fields": {
                field.name: {
                    "encoder": field.encoder,
                    "fingerprint": field.fingerprint,
                    "dim": field.dim,
                    "rows": field.rows,
                    "dtype": field.dtype,
                    "origin": field.origin,
                }
                for field in self.fields.values()
            },
            "sources": {each.name: {"root": str(each.root), "loader": each.loader} for each in self.sources.values()},
            "columns": {each.name: each.type for each in self.columns.values()},
            "derived": derived,
            "properties": dict(self.properties),
        }

    # Inside

    def _field(self, name: str) -> Field:
        if name not in self.fields:
            raise UnknownNameError(
                f"{self.path} has no field {name!r}.", hint=f"Fields: {', '.join(self.fields) or 'none'}."
            )
        return self.fields[name]

    def _cell(self, name: str) -> str:
        if name not in self._columns:
            known = ", ".join(self._columns) or "none"
            raise UnknownNameError(f"{self.path} has no column {name!r}.", hint=f"Columns: {known}.")
        return f"c{self._columns[name][0]}"

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, catalogue_errors(self.path):
            return self._connection.execute(sql, values).fetchall()

    def _rows(self, what: str, positions: I64 | Sequence[int]) -> Iterator[tuple[Any, ...] | None]:
        """The columns `what` of each position, None where the item is gone."""
        wanted = [int(position) for position in positions]
        for chunk in _chunks(wanted):
            rows = self._all(f"SELECT position, {what} FROM item WHERE position IN ({_marks(chunk)})", chunk)
            found = {row[0]: row[1:] for row in rows}
            yield from (found.get(position) for position in chunk)


def read_fields(connection: sqlite3.Connection) -> dict[str, Field]:
    """Name -> field, in the order they were added."""
    rows = connection.execute(
        "SELECT name, encoder, options, fingerprint, dim, rows, dtype, reduce, origin FROM field ORDER BY key"
    )
    return {row[0]: Field(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows}


def read_sources(connection: sqlite3.Connection) -> dict[str, Source]:
    """Name -> source, in the order they were added."""
    rows = connection.execute("SELECT key, name, root, loader, options FROM source ORDER BY key")
    return {row[1]: Source(row[0], row[1], Path(row[2]), row[3], json.loads(row[4])) for row in rows}


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield list(values[start : start + _CHUNK])


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


def _release(connection: sqlite3.Connection, lease: Lease) -> None:
    connection.close()
    lease.release()

"""Finds the item of a source that has the same content, so that a renamed file is not encoded again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.ingest.batch import Copy
from fieldglass.store import Snapshot, Source, Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Copies"]


class Copies:
    """Called with a content hash; gives the vectors and the preview of an item that has it, or None.

    16 bytes an item, read at the first call; safe in threads. `close` it: while it reads one version
    of the catalogue, the write-ahead log cannot shrink.
    """

    def __init__(self, store: Store, source: Source) -> None:
        snapshot = store.snapshot()
        self._snapshot: Snapshot | None = snapshot if snapshot.count else None
        self._source = source
        self._lock = threading.Lock()
        self._table: tuple[NDArray[np.uint64], NDArray[np.int64]] | None = None

    def __call__(self, content_hash: str) -> Copy | None:
        """The copy, or None."""
        snapshot = self._snapshot
        if snapshot is None:
            return None
        with self._lock:
            if self._table is None:
                self._table = _read(snapshot, self._source)
        keys, positions = self._table
        key = _key(content_hash)
        at = int(np.searchsorted(keys, key))
        if at == len(keys) or keys[at] != key:
            return None
        position = int(positions[at])
        if snapshot.content_hash(position) != content_hash:
            return None
        vectors = {
            name: snapshot.vectors(name, [position])[0]
            for name, field in snapshot.fields.items()
            if field.origin == "sample" and _present(snapshot, name, position)
        }
        (cells,) = snapshot.metadata([position])
        measured = {name: cells.get(name) for name, column in snapshot.columns.items() if column.measured}
        return Copy(vectors, snapshot.thumbnail(position) or b"", measured)

    def close(self) -> None:
        """Let go of the catalogue."""
        self._snapshot = None


def _present(snapshot: Snapshot, field: str, position: int) -> bool:
    for segment in snapshot.segments(field):
        if segment.start <= position < segment.stop:
            return segment.present is None or bool(segment.present[position - segment.start])
    return False


def _read(snapshot: Snapshot, source: Source) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    pairs = np.fromiter(
        ((_key(found), position) for position, found in snapshot.content_hashes(source)),
        dtype=[("key", np.uint64), ("position", np.int64)],
    )
    pairs.sort(order="key")
    return pairs["key"].copy(), pairs["position"].copy()


def _key(content_hash: str) -> np.uint64:
    return np.uint64(int(content_hash[:16] or "0", 16))

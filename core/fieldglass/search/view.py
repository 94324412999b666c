"""What composers, rerankers and filters see of a collection."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import FieldglassError, LoaderError, QueryError
from fieldglass.registry import registry
from fieldglass.search import placed
from fieldglass.search.moments import Sums, moments
from fieldglass.search.rows import Scratch, SegmentRows, reduced, windows
from fieldglass.types import Problem

if TYPE_CHECKING:
    from fieldglass.store import Snapshot
    from fieldglass.types import F32, F64, I64, Bitmap, Moments, Ranking, Sample

__all__ = ["View"]

CONDITIONS = 8  # whose moments are kept


class View:
    """The `GalleryView` of one snapshot, with what the engine keeps of it. It knows no right answers.

    Moments, presence and open segments are found at first need and kept.
    """

    def __init__(self, snapshot: Snapshot, nearest: Callable[[View, str, F32, int], list[Ranking]]) -> None:
        self.snapshot = snapshot
        self.size: int = snapshot.size
        self._nearest = nearest
        self._moments: dict[str, Moments] = {}
        self._present: dict[tuple[str, ...], Bitmap] = {}
        self._rows: dict[str, SegmentRows] = {}
        self._norms: dict[str, float] = {}
        self._matched: dict[tuple[str, str], tuple[Moments | None, int]] = {}

    def after(self, snapshot: Snapshot) -> View:
        """The view of a later snapshot, which keeps the moments where no vector has changed."""
        fresh = View(snapshot, self._nearest)
        if (snapshot.data_version, snapshot.epoch) == (self.snapshot.data_version, self.snapshot.epoch):
            fresh._moments, fresh._present, fresh._norms = self._moments, self._present, self._norms
        return fresh

    def rows(self, field: str) -> SegmentRows:
        """The vectors of a field where they lie. QueryError where the collection has no such field."""
        if field not in self.snapshot.fields:
            known = ", ".join(sorted(self.snapshot.fields)) or "none yet; index something first"
            raise QueryError(f"This collection has no field {field!r}.", hint=f"It has: {known}.")
        if field not in self._rows:
            self._rows[field] = SegmentRows(self.snapshot, field)
        return self._rows[field]

    def present(self, field: str) -> Bitmap:
        """(size,) bool: live, and with that field."""
        return self.present_any((field,))

    def present_any(self, fields: tuple[str, ...]) -> Bitmap:
        """(size,) bool: live, and with one of the fields at least."""
        if fields not in self._present:
            found = self.snapshot.present(fields[0])
            for field in fields[1:]:
                found = found | self.present(field)
            self._present[fields] = found
        return self._present[fields]

    def complete(self, field: str) -> bool:
        """Whether every live item has the field."""
        return int(np.count_nonzero(self.present(field))) == self.snapshot.count

    @cached_property
    def derived(self) -> frozenset[str]:
        """The names of the derived files that the catalogue lists, sound or not."""
        return frozenset(self.snapshot.info()["derived"])

    @cached_property
    def private(self) -> bool:
        """Whether a loader of one of its sources is private, or is not installed and so cannot tell."""
        return any(_is_private(source.loader) for source in self.snapshot.sources.values())

    def norm(self, field: str) -> float:
        """The norm of a long row of a field (of all rows of an item, where they are summed), from a few hundred."""
        if field not in self._norms:
            rows = self.rows(field)
            sample = rows.window(0, min(rows.size, 256))
            longest = max(float(np.linalg.norm(sample, axis=2).max(initial=0.0)), 1e-3)
            self._norms[field] = longest * (rows.rows if rows.reduce == "sum" else 1)
        return self._norms[field]

    def positions(self, ids: list[str]) -> I64:
        """Position of each id, -1 where there is none."""
        return self.snapshot.positions(ids)

    def ids(self, positions: I64) -> list[str]:
        """The id at each position."""
        return self.snapshot.ids(positions)

    def vectors(self, field: str, positions: I64) -> F32:
        """(n, rows, dim) as stored; zeros where an item lacks the field. QueryError where there is no such field."""
        return self.rows(field).gather(np.asarray(positions, dtype=np.int64))

    def moments(self, field: str) -> Moments:
        """Moments of the live rows; of the mean row where a field has several."""
        if field not in self._moments:
            self._moments[field] = moments(self.snapshot, field)
        return self._moments[field]

    def matched(self, field: str, condition: str, positions: I64, asked: int) -> Moments | None:
        """Moments of the matches of a condition, once so many vectors were asked of it that they had paid; None before.

        Of m matches of d numbers they cost m d^2, and d^2 for a vector; a scan costs m d for each.
        """
        rows = self.rows(field)
        known, count = self._matched.pop((field, condition), (None, 0))
        count += asked
        if known is None and count * (len(positions) - rows.dim) >= rows.dim * len(positions) > 0:
            known = Sums.among(rows, positions).moments(len(positions))
        self._matched[field, condition] = (known, count)
        while len(self._matched) > CONDITIONS:
            self._matched.pop(next(iter(self._matched)), None)
        return known

    def scores(self, field: str, vectors: F32) -> F32:
        """(n, size) inner products with every row (max over rows); NaN at dead or absent positions."""
        rows = self.rows(field)
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        found = np.empty((len(vectors), self.size), dtype=np.float32)
        scratch = Scratch()
        for low, high in windows([rows], 0, self.size, len(vectors)):
            found[:, low:high] = reduced(rows.window(low, high), vectors, rows.reduce, scratch).T
        found[:, ~self.present(field)] = np.nan
        return found

    def neighbours(self, field: str, vectors: F32, k: int) -> list[Ranking]:
        """The k nearest live rows of each vector."""
        return self._nearest(self, field, np.asarray(vectors, dtype=np.float32), k)

    def metadata(self, positions: I64) -> list[dict[str, Any]]:
        """The metadata columns at each position."""
        return self.snapshot.metadata(positions)

    def numbers(self, columns: list[str]) -> F64:
        """(size, n): number columns of every item, NaN where it has none, is gone, or where there is no such column."""
        return placed.numbers(self.snapshot, columns)

    def select(self, where: str) -> Bitmap:
        """(size,) bool: the live items that match an SQL expression over the columns. FilterError."""
        found = np.zeros(self.size, dtype=np.bool_)
        found[self.snapshot.select(where)] = True
        return found

    def thumbnail(self, position: int) -> bytes | None:
        """The stored WebP preview."""
        return self.snapshot.thumbnail(position)

    def read(self, id: str) -> Sample:
        """The item, decoded again by its loader. LoaderError where it cannot be."""
        positions = self.snapshot.positions([id])
        if positions[0] < 0:
            raise QueryError(f"There is no item {id!r} in this collection.")
        source, item = self.snapshot.items(positions)[0]
        loader = registry().create("loaders", source.loader, source.options)
        for found in loader.read([item], source.root):
            if isinstance(found, Problem):
                raise LoaderError(f"{id!r} cannot be read again: {found.message}")
            sample: Sample = found
            return sample
        raise LoaderError(f"The loader {source.loader!r} gave nothing for {id!r}.")


def _is_private(loader: str) -> bool:
    try:
        return bool(getattr(registry().factory("loaders", loader), "private", False))
    except FieldglassError:
        return True

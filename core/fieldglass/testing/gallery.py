"""A gallery of plain arrays, and the slow and certain way to score it: what the kits hold others against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import QueryError
from fieldglass.types import Moments, Probe, Probes, ProbeScores, Ranking

if TYPE_CHECKING:
    from fieldglass.types import F32, F64, I64, Bitmap, GalleryView, Sample

__all__ = ["ArrayGallery", "full_scan"]


class ArrayGallery:
    """A `GalleryView` of arrays (n, rows, dim), one per field, for tests and for vectors without a collection.

    `samples` are the pictures by id, for composers that look at them again.
    """

    private = False

    def __init__(
        self,
        ids: Sequence[str],
        fields: Mapping[str, F32],
        metadata: Sequence[Mapping[str, Any]] | None = None,
        samples: Mapping[str, Sample] | None = None,
    ) -> None:
        self.samples = dict(samples or {})
        self.size = len(ids)
        self._ids = list(ids)
        self._place = {name: place for place, name in enumerate(ids)}
        self._fields = fields
        self._metadata = [dict(each) for each in metadata or [{}] * self.size]

    def positions(self, ids: list[str]) -> I64:
        """Position of each id, -1 where there is none."""
        return np.array([self._place.get(name, -1) for name in ids], dtype=np.int64)

    def ids(self, positions: I64) -> list[str]:
        """The id at each position."""
        return [self._ids[position] for position in positions]

    def vectors(self, field: str, positions: I64) -> F32:
        """(n, rows, dim) as given."""
        if field not in self._fields:
            raise QueryError(f"This gallery has no field {field!r}.", hint=f"It has: {', '.join(self._fields)}.")
        return np.asarray(self._fields[field][positions], dtype=np.float32)

    def moments(self, field: str) -> Moments:
        """Moments of the mean rows, float64."""
        rows = self.vectors(field, np.arange(self.size)).mean(axis=1).astype(np.float64)
        return Moments(self.size, rows.mean(axis=0), np.cov(rows, rowvar=False))

    def scores(self, field: str, vectors: F32) -> F32:
        """(n, size): inner products, the best row of each item."""
        rows = self.vectors(field, np.arange(self.size))
        return np.asarray(np.einsum("nd,prd->npr", vectors, rows).max(axis=2), dtype=np.float32)

    def neighbours(self, field: str, vectors: F32, k: int) -> list[Ranking]:
        """The k nearest of each vector."""
        found = []
        for scores in self.scores(field, vectors).astype(np.float64):
            best = np.lexsort((np.arange(self.size), -scores))[:k]
            found.append(Ranking(best, scores[best], ids=tuple(self.ids(best))))
        return found

    def metadata(self, positions: I64) -> list[dict[str, Any]]:
        """The columns given."""
        return [self._metadata[position] for position in positions]

    def numbers(self, columns: list[str]) -> F64:
        """(size, n): the columns that hold numbers, NaN elsewhere."""
        cells = [[row.get(name) for name in columns] for row in self._metadata]
        numbers = [[each if isinstance(each, (int, float)) else np.nan for each in row] for row in cells]
        return np.array(numbers, dtype=np.float64).reshape(self.size, len(columns))

    def select(self, where: str) -> Bitmap:
        """QueryError: SQL is for a catalogue."""
        raise QueryError(f"The filter {where!r} is SQL, and this gallery of arrays has no catalogue.")

    def thumbnail(self, position: int) -> bytes | None:
        """None: there are no pictures here."""
        return None

    def read(self, id: str) -> Sample:
        """The picture of an item; QueryError where none was given."""
        if id in self.samples:
            return self.samples[id]
        raise QueryError(f"There is no picture of {id!r} in this gallery of vectors.")


def full_scan(probes: Probes, gallery: GalleryView) -> F64:
    """The scores (n, size) of every item for every query of a composer's probes, by the definition of `Fusion`."""
    per_probe = [_probe_scores(probe, gallery) for probe in probes.probes]
    if probes.fusion.combine is None:
        return np.asarray(sum(each * probe.weight for each, probe in zip(per_probe, probes.probes, strict=True)))
    rows = []
    for query in range(len(per_probe[0])):
        parts = tuple(
            ProbeScores(
                scores[query],
                ~np.isnan(scores[query]),
                probe.weight,
                float(np.nanmean(scores[query])),
                float(np.nanstd(scores[query], ddof=1)),
            )
            for scores, probe in zip(per_probe, probes.probes, strict=True)
        )
        rows.append(probes.fusion.combine(parts))
    return np.stack(rows)


def _probe_scores(probe: Probe, gallery: GalleryView) -> F64:
    return gallery.scores(probe.field, probe.vectors).astype(np.float64) + probe.bias

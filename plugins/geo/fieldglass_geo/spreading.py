"""`geo/spread`: hits that lie close together do not crowd the others out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError, UsageError
from fieldglass_geo.gallery.points import unit_vectors
from fieldglass_geo.locating.middles import middles
from fieldglass_geo.locating.spread import away_km

if TYPE_CHECKING:
    from fieldglass.types import GalleryView, Probes, Query, Ranking

__all__ = ["Spread"]


class Spread:
    """Galleries are dense where photographers are. The hits in the order they have, but one that lies within `km` of a
    better one goes behind all that do not. Scores are kept; hits without a place are near nothing.

    :param km: how far apart the first hits are.
    :param m: how many hits are looked at.
    """

    def __init__(self, *, km: float = 100.0, m: int = 1000) -> None:
        if not 0 < km <= 20_000 or m < 1:
            raise UsageError(f"km={km} and m={m}: km lies between 0 and 20 000, m is at least 1.")
        self.km, self.depth = km, m

    def rerank(self, query: Query, probes: Probes, ranking: Ranking, gallery: GalleryView) -> Ranking:
        """A permutation of the first `m` hits."""
        try:
            lat, lon = middles(gallery)
        except FilterError as error:
            return replace(ranking, notes=(*ranking.notes, f"Not spread: {error.message}"))
        top = ranking.positions[: self.depth]
        vectors = unit_vectors(lat[top], lon[top])
        there = np.isfinite(lat[top])
        first: list[int] = []
        later: list[int] = []
        free = np.ones(len(top), dtype=np.bool_)
        for row in range(len(top)):
            if not free[row]:
                later.append(row)
                continue
            first.append(row)
            if there[row]:
                free[row + 1 :] &= ~there[row + 1 :] | (away_km(vectors[row + 1 :], vectors[row]) > self.km)
        order = np.array([*first, *later, *range(len(top), len(ranking.positions))], dtype=np.int64)
        ids = tuple(ranking.ids[row] for row in order) if ranking.ids else ()
        return replace(ranking, positions=ranking.positions[order], scores=ranking.scores[order], ids=ids)

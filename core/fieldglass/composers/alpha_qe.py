"""Alpha query expansion: a query moved towards its own first hits (Radenovic, Tolias and Chum, TPAMI 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.nested import nested, one_vector
from fieldglass.composers.vectors import unit
from fieldglass.encoders import as_query
from fieldglass.errors import UsageError
from fieldglass.interfaces import Composer
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import GalleryView, Query

__all__ = ["AlphaQe"]


class AlphaQe:
    """The unit vector of q + sum of s^alpha x over the `n` nearest items x, s their similarity, 0 at least.

    `base` gives q: the pictures alone, or any composer that gives one vector.
    """

    def __init__(
        self,
        *,
        n: int = 10,
        alpha: float = 3.0,
        base: str | Composer = "image",
        base_settings: str = "",
        field: str = "image",
    ) -> None:
        if n < 1 or not 0 <= alpha < np.inf:
            raise UsageError(f"alpha-qe takes n of 1 or more and alpha of 0 or more, not {n} and {alpha}.")
        self.base = nested(base, base_settings, field)
        self.requires: frozenset[str] = self.base.requires
        self.n, self.alpha, self.field = n, alpha, field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows; searches the gallery once."""
        base = self.base.compose(queries, encoder, gallery)
        asked = unit(one_vector(base, "alpha-qe"))
        rankings = gallery.neighbours(self.field, asked, self.n)
        near = as_query(encoder, gallery.vectors(self.field, np.concatenate([each.positions for each in rankings])))
        moved = asked.astype(np.float64)
        stop = 0
        for row, ranking in enumerate(rankings):
            start, stop = stop, stop + len(ranking.positions)
            moved[row] += np.maximum(ranking.scores, 0.0) ** self.alpha @ near[start:stop].astype(np.float64)
        found = unit(moved.astype(np.float32))
        return replace(base, probes=(Probe(self.field, found, label="expanded"),), fusion=Fusion("alpha-qe", "linear"))

"""SuperGlobal re-ranking: descriptors refined by their own neighbours (ICCV 2023, arXiv 2308.06954)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.rerankers.head import descriptors, pictured_field, reordered

if TYPE_CHECKING:
    from fieldglass.types import F32, F64, I64, GalleryView, Probes, Query, Ranking

__all__ = ["SuperGlobal"]

LEAST = 0.1  # of the sum of weights: a hit that is unlike all others would be divided by nothing, or change its sign


class SuperGlobal:
    """The first `m` hits by refined descriptors. Defaults are the paper's: m 400, k 9, beta .15.

    Every hit's descriptor y becomes z, the mean of itself (weight 1) and its `k` most similar hits (weight beta times
    the similarity). s1 is the score of z, found as the same mean of the scores, which are linear in y. A second query
    is the element-wise maximum of z over the first k + 1 hits by s1, s2 its inner product with z; the new score is
    (s1 + s2) / 2. With a text, s2 would mix the two kinds of vector: `stages` "auto" then keeps s1 alone, "both"
    and "first" settle it. An item of several rows is described by its mean row. A hit without a vector keeps its score.
    """

    def __init__(
        self, *, m: int = 400, k: int = 9, beta: float = 0.15, stages: Literal["auto", "both", "first"] = "auto"
    ) -> None:
        if m < 1 or k < 0 or not 0 <= beta <= 1:
            raise UsageError(
                f"superglobal takes m of 1 or more, k of 0 or more and beta in 0..1, not {m}, {k}, {beta}."
            )
        if stages not in ("auto", "both", "first"):
            raise UsageError(f"superglobal takes stages 'auto', 'both' or 'first', not {stages!r}.")
        self.depth, self.k, self.beta, self.stages = m, k, beta, stages

    def rerank(self, query: Query, probes: Probes, ranking: Ranking, gallery: GalleryView) -> Ranking:
        """The first `m` hits in their new order; those after them as they are."""
        head = ranking.positions[: self.depth]
        if len(head) < 2:
            return ranking
        rows = descriptors(gallery, pictured_field(probes), head)
        near, weights = self._neighbours(rows)
        first = _mean(ranking.scores[: self.depth], near, weights)
        if not self._both(query, probes):
            return reordered(ranking, first)
        best = np.argsort(-first, kind="stable")[: self.k + 1]
        refined = np.stack([_mean(rows[near[place]].T, np.arange(near.shape[1]), weights[place]) for place in best])
        second = _mean(rows.astype(np.float64) @ refined.max(axis=0), near, weights)
        return reordered(ranking, (first + second) / 2)

    def _neighbours(self, rows: F32) -> tuple[I64, F64]:
        """For each hit itself and its most similar ones (m, k + 1), and their weights."""
        similar = rows @ rows.T
        np.fill_diagonal(similar, np.inf)  # a twin of the hit must not stand before it
        count = min(self.k + 1, len(rows))
        near = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(similar, near, axis=1), axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1).astype(np.int64)
        weights = self.beta * np.take_along_axis(similar, near, axis=1).astype(np.float64)
        weights[:, 0] = 1.0
        weights[weights.sum(axis=1) < LEAST, 1:] = 0.0
        return near, weights

    def _both(self, query: Query, probes: Probes) -> bool:
        if self.stages != "auto":
            return self.stages == "both"
        plain = probes.fusion.needs == "linear" and len({each.field for each in probes.probes}) == 1
        return plain and not query.texts and query.place is None


def _mean(values: F64, near: I64, weights: F64) -> F64:
    """The weighted means of values (..., m) over neighbours (..., k + 1)."""
    found: F64 = (values[..., near] * weights).sum(axis=-1) / weights.sum(axis=-1)
    return found

"""k-reciprocal re-ranking: hits that have the query among their own nearest (Zhong et al., CVPR 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.rerankers.head import descriptors, pictured_field, reordered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, Bitmap, GalleryView, Probes, Query, Ranking

__all__ = ["KReciprocal"]


class KReciprocal:
    """The first `m` hits by how much the neighbourhoods of query and hit overlap. Defaults: k1 20, k2 6, lambda .3.

    Query and hits are compared with each other alone. A neighbourhood holds the k1-reciprocal nearest, widened by those
    of its members where two thirds agree, weighted by exp(-distance) and averaged over the k2 nearest. The new distance
    is (1 - lambda) times the Jaccard distance of the neighbourhoods and lambda times the squared Euclidean one over
    its largest; the score is 1 less it. For queries that are one vector of one field; others are left as they are.
    """

    def __init__(self, *, m: int = 100, k1: int = 20, k2: int = 6, weight: float = 0.3) -> None:
        if m < 1 or k1 < 1 or k2 < 1 or not 0 <= weight <= 1:
            raise UsageError(
                f"k-reciprocal takes m, k1 and k2 of 1 or more and a weight in 0..1, not {m}, {k1}, {k2}, {weight}."
            )
        self.depth, self.k1, self.k2, self.weight = m, k1, k2, weight

    def rerank(self, query: Query, probes: Probes, ranking: Ranking, gallery: GalleryView) -> Ranking:
        """The first `m` hits in their new order; those after them as they are."""
        head = ranking.positions[: self.depth]
        if len(head) < 2:
            return ranking
        if probes.fusion.needs != "linear" or len({each.field for each in probes.probes}) != 1:
            note = f"k-reciprocal takes one vector a query, which {probes.fusion.name} is not: the order is as it was."
            return replace(ranking, notes=(*ranking.notes, note))
        asked = sum(each.weight * each.vectors[0].astype(np.float64) for each in probes.probes)
        rows = descriptors(gallery, pictured_field(probes), head)
        nodes = np.concatenate([[asked / max(float(np.linalg.norm(asked)), 1e-12)], rows])
        return reordered(ranking, 1.0 - self._distances(nodes))

    def _distances(self, nodes: F64) -> F64:
        """(1 + m, d) unit vectors, the query first -> (m,) distances of the hits to it."""
        apart = np.maximum(2.0 - 2.0 * nodes @ nodes.T, 0.0)
        np.fill_diagonal(apart, 0.0)
        apart /= np.maximum(apart.max(axis=1, keepdims=True), 1e-12)
        order = np.argsort(apart, axis=1, kind="stable")
        near = self._expanded(_reciprocal(order, self.k1 + 1), _reciprocal(order, round(self.k1 / 2) + 1))
        shares = np.where(near, np.exp(-apart), 0.0)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
        shares = shares[order[:, : self.k2]].mean(axis=1)
        common = np.minimum(shares[0], shares[1:]).sum(axis=1)
        jaccard = 1.0 - common / (2.0 - common)
        found: F64 = (1 - self.weight) * jaccard + self.weight * apart[0, 1:]
        return found

    @staticmethod
    def _expanded(near: Bitmap, closer: Bitmap) -> Bitmap:
        """The neighbourhoods with those `closer` ones of their members that lie in them by more than two thirds."""
        common = closer.astype(np.float32) @ near.T.astype(np.float32)
        agree = near & (common > 2 / 3 * closer.sum(axis=1)[:, None]).T
        found: Bitmap = near | (agree.astype(np.float32) @ closer.astype(np.float32) > 0)
        return found


def _reciprocal(order: NDArray[np.intp], count: int) -> Bitmap:
    """(n, n): whether two nodes are each among the other's first `count`, themselves included."""
    near = np.zeros(order.shape, dtype=np.bool_)
    np.put_along_axis(near, order[:, :count], True, axis=1)
    found: Bitmap = near & near.T
    return found

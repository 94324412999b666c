"""Picture and text scored apart, and the scores fused: by product, by percentile, by z-score, by rank.

Each takes several pictures and sentences with weights; the role `negative` turns a weight's sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.linear import share
from fieldglass.composers.scores import clamped_product, plain_product, rank, weighted_percentiles, weighted_z
from fieldglass.composers.vectors import picture_vectors, text_vectors, unit
from fieldglass.errors import UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F64, GalleryView, ProbeScores, Query

__all__ = ["Percentile", "Product", "Rrf", "ZScore", "reciprocal_ranks"]


class Product:
    """Picture score times text score, each clamped at 0 and to the power 2 (1 - w) or 2 w.

    `text_weight` w of one half is the plain product. `clamp=false` multiplies the scores as they are, as in
    FreeDom's baseline (arXiv 2412.03297): two scores below 0 then make a high one.
    """

    requires = frozenset({"texts"})

    def __init__(self, *, text_weight: float = 0.5, clamp: bool = True, field: str = "image") -> None:
        self.text_weight = share(text_weight)
        if not clamp and text_weight != 0.5:
            raise UsageError("Without the clamp a product has no weights: a score below 0 has no power.")
        self.clamp = clamp
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> two probes with n rows each."""
        powers = (2 * (1 - self.text_weight), 2 * self.text_weight)
        probes = _two(queries, encoder, gallery, self.field, powers, "product")
        if self.clamp:
            return Probes(probes, Fusion("product", "moments", clamped_product))
        return Probes(probes, Fusion("product", "scores", plain_product))


class Percentile:
    """(1 - w) percentile of the picture score + w percentile of the text score, among all items.

    WeiCom with ranks for the normal distribution function: of use where scores are far from normal.
    """

    requires = frozenset({"texts"})

    def __init__(self, *, text_weight: float = 0.5, field: str = "image") -> None:
        self.text_weight = share(text_weight)
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> two probes with n rows each."""
        weights = (1 - self.text_weight, self.text_weight)
        probes = _two(queries, encoder, gallery, self.field, weights, "percentile")
        return Probes(probes, Fusion("percentile", "scores", weighted_percentiles))


class ZScore:
    """(1 - w) z of the picture score + w z of the text score, z over the whole gallery (unbiased std)."""

    requires = frozenset({"texts"})

    def __init__(self, *, text_weight: float = 0.5, field: str = "image") -> None:
        self.text_weight = share(text_weight)
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> two probes with n rows each, calibrated by the moments of the field."""
        weights = (1 - self.text_weight, self.text_weight)
        return Probes(
            _two(queries, encoder, gallery, self.field, weights, "zscore"), Fusion("zscore", "moments", weighted_z)
        )


class Rrf:
    """2 (1 - w) / (k + rank by picture) + 2 w / (k + rank by text), ranks from 1 among all items.

    Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009), whose k is 60; VisRet takes 1.
    """

    requires = frozenset({"texts"})

    def __init__(self, *, k: float = 60.0, text_weight: float = 0.5, field: str = "image") -> None:
        if not 0 <= k < np.inf:
            raise UsageError(f"k is added to each rank, 0 or more, not {k}.")
        self.k = float(k)
        self.text_weight = share(text_weight)
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> two probes with n rows each."""
        weights = (2 * (1 - self.text_weight), 2 * self.text_weight)
        probes = _two(queries, encoder, gallery, self.field, weights, "rrf")
        return Probes(probes, Fusion("rrf", "scores", lambda scores: reciprocal_ranks(scores, self.k)))


def reciprocal_ranks(scores: tuple[ProbeScores, ...], k: float) -> F64:
    """Weighted sum (m,) of 1 / (k + rank); nothing from a field that an item lacks."""
    total = np.zeros(len(scores[0].values))
    for probe in scores:
        total[probe.present] += probe.weight / (k + rank(probe.values[probe.present]))
    return total


def _two(
    queries: Sequence[Query],
    encoder: Encoder,
    gallery: GalleryView,
    field: str,
    weights: tuple[float, float],
    name: str,
) -> tuple[Probe, Probe]:
    pictures = unit(picture_vectors(queries, encoder, gallery, field, name=name))
    texts = unit(text_vectors(queries, encoder, name=name))
    return Probe(field, pictures, weights[0], label="image"), Probe(field, texts, weights[1], label="text")

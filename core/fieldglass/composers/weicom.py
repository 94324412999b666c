"""WeiCom: picture and text scores, each made comparable by its own distribution, then weighted (arXiv 2405.15587)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.linear import share
from fieldglass.composers.normal import normal_cdf
from fieldglass.composers.vectors import picture_vectors, text_vectors, unit
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F64, GalleryView, ProbeScores, Query

__all__ = ["WeiCom", "calibrated_sum"]


class WeiCom:
    """(1 - w) Phi(z of the picture score) + w Phi(z of the text score), z over the whole gallery (unbiased std).

    `text_weight` w: 0 ranks as the picture alone, 1 as the text alone. The paper's best are .3 with CLIP
    and .6 with RemoteCLIP; a model card may set its own.
    """

    requires = frozenset({"texts"})

    def __init__(self, *, text_weight: float = 0.5, field: str = "image") -> None:
        self.text_weight = share(text_weight)
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> two probes with n rows each, calibrated by the moments of the field."""
        pictures = unit(picture_vectors(queries, encoder, gallery, self.field, name="weicom"))
        texts = unit(text_vectors(queries, encoder, name="weicom"))
        return Probes(
            (
                Probe(self.field, pictures, 1 - self.text_weight, label="image"),
                Probe(self.field, texts, self.text_weight, label="text"),
            ),
            Fusion("weicom", "moments", calibrated_sum),
        )


def calibrated_sum(scores: tuple[ProbeScores, ...]) -> F64:
    """The weighted sum of the normal distribution function of each probe's z-score; 0.5 where all scores are equal."""
    total = np.zeros(np.shape(scores[0].values))
    for probe in scores:
        total += probe.weight * normal_cdf(probe.z)
    return total

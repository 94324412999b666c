"""The Combiner of CLIP4Cir (arXiv 2308.11485): a network that was trained to join a picture and a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.composers.combiner_network import load_combiner
from fieldglass.composers.pictures import raw_vectors, shown
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.composers.wording import Said, asked, without_refused
from fieldglass.encoders import capabilities
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query

__all__ = ["Combiner", "text_features"]


class Combiner:
    """One vector of the image space from the picture's and the text's vectors before normalisation.

    An encoder without those (`mini`) gives unit vectors instead; a network is trained on one or the other. Several
    pictures give the weighted mean of their vectors; sentences of equal weight are joined by "and", others give
    their weighted mean. A negative text is taken off the whole.

    :param weights: a file of CLIP4Cir, or of `fieldglass train combiner`.
    :param check: refuse a network that was trained on another encoder.
    """

    requires: frozenset[str] = frozenset({"texts", "images"})
    name = "combiner"

    def __init__(self, *, weights: str = "", check: bool = True, field: str = "image") -> None:
        self.weights, self.check, self.field = weights, check, field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n unit rows."""
        network = load_combiner(self.weights, encoder, check=self.check)
        pictures = self._pictures(queries, encoder, gallery)
        joined = unit(network(pictures, self._texts(queries, encoder)))
        found = without_refused(joined, queries, encoder)
        return Probes((Probe(self.field, found, label=self.name),), Fusion(self.name, "linear"))

    def _pictures(self, queries: Sequence[Query], encoder: Any, gallery: GalleryView) -> F32:
        if "raw" not in capabilities(encoder):
            return picture_vectors(queries, encoder, gallery, self.field, name=self.name)
        pictures = shown(queries, self.name)
        rows = raw_vectors(pictures.images, encoder, gallery)
        return np.stack([_mean([(weight, rows[place]) for place, weight in part]) for part in pictures.parts])

    def _texts(self, queries: Sequence[Query], encoder: Encoder) -> F32:
        said = [_joined(asked(query, self.name)) for query in queries]
        sentences = list(dict.fromkeys(text for part in said for text, _ in part))
        rows = dict(zip(sentences, text_features(sentences, encoder), strict=True))
        return np.stack([_mean([(weight, rows[text]) for text, weight in part]) for part in said])


def text_features(texts: Sequence[str], encoder: Any) -> F32:
    """(n, d) float32: before normalisation where the encoder has that, else unit."""
    found = encoder.raw_texts(texts) if "raw" in capabilities(encoder) else encoder.texts(texts)
    return np.asarray(found, dtype=np.float32)


def _joined(said: list[Said]) -> list[Said]:
    return [(" and ".join(text for text, _ in said), 1.0)] if len({weight for _, weight in said}) == 1 else said


def _mean(parts: Sequence[tuple[float, F32]]) -> F32:
    """The weighted mean; a negative part is taken off."""
    total = sum(abs(weight) for weight, _ in parts)
    found = np.sum([weight / total * row.astype(np.float64) for weight, row in parts], axis=0)
    return np.asarray(found, dtype=np.float32)

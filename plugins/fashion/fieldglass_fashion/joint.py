"""Composers that see the picture and the sentence together: SPRC, and the matching of FashionBLIP-2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.composers.pictures import sample_of, shown
from fieldglass.composers.vectors import unit
from fieldglass.composers.wording import asked
from fieldglass.errors import QueryError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query

__all__ = ["FashionBlip2Matching", "Sprc"]

_ENDS = ".?, "


class Sprc:
    """SPRC (arXiv 2312.05284): the picture and the sentence become a prompt, and that with the sentence the query.

    Two passes of the Q-Former of `fashion/blip2`; the score of an item is the best of its 32 vectors. Sentences are
    joined by "and", their dots, commas and question marks dropped at the ends, as in its training. Several pictures
    give the weighted mean of what each gives. A picture is read again, also one of the collection.
    """

    requires: frozenset[str] = frozenset({"pairs"})
    name = "fashion/sprc"
    _encoders = ("fashion/blip2",)

    def __init__(self, *, field: str = "image") -> None:
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows. QueryError without a picture or a text, or with a text to refuse."""
        vectors = self._joint(queries, encoder, gallery)
        return Probes((Probe(self.field, vectors, label=self.name),), Fusion(self.name, "linear"))

    def _joint(self, queries: Sequence[Query], encoder: Any, gallery: GalleryView) -> F32:
        pictures = shown(queries, self.name)
        sentences = [_sentence(query, self.name) for query in queries]
        prepared = [encoder.prepare(sample_of(image, gallery)) for image in pictures.images]
        wanted = {(place, text): 0 for part, text in zip(pictures.parts, sentences, strict=True) for place, _ in part}
        wanted = {pair: row for row, pair in enumerate(wanted)}
        rows = encoder.pairs([prepared[place] for place, _ in wanted], [text for _, text in wanted])
        found = np.empty((len(queries), rows.shape[1]), dtype=np.float32)
        for row, (part, text) in enumerate(zip(pictures.parts, sentences, strict=True)):
            mine = rows[[wanted[place, text] for place, _ in part]]
            single = len(part) == 1 and part[0][1] > 0  # its own vector, never rounded
            found[row] = mine[0] if single else unit(_mean([weight for _, weight in part], mine))[0]
        return found


class FashionBlip2Matching(Sprc):
    """FashionBLIP-2 (arXiv 2507.05135): 12 heads of the picture with its sentence against the 12 of each item.

    :param score: "sum" of the 12 cosines, as in the paper, or their "mean", which lies between -1 and 1.
    """

    name = "fashion/fashionblip2"

    def __init__(self, *, score: Literal["sum", "mean"] = "sum", field: str = "image") -> None:
        super().__init__(field=field)
        self.score = score

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows. QueryError where the encoder has no heads."""
        heads = getattr(encoder, "heads", None)
        if heads is None:
            raise QueryError(
                f"{self.name!r} needs the matching module of FashionBLIP-2, which {encoder.name} has not.",
                hint="Index with fashion/fashionblip2, or compose with fashion/sprc.",
            )
        vectors = self._joint(queries, encoder, gallery)
        scaled = vectors * np.float32(heads if self.score == "sum" else 1)
        return Probes((Probe(self.field, scaled, label=self.name),), Fusion(self.name, "linear"))


def _sentence(query: Query, name: str) -> str:
    """What is asked for, as SPRC words it."""
    if any(text.role == "negative" or text.weight < 0 for text in query.texts):
        raise QueryError(
            f"{name!r} cannot refuse: the network was trained on what to have.",
            hint='Say it as a change, "without a belt", or use another composer.',
        )
    said = [text.strip(_ENDS) for text, _ in asked(query, name)]
    joined = " and ".join(text for text in said if text)
    if not joined:
        raise QueryError("The text of a query is empty.", hint="Say what to change, or leave the text out.")
    return joined[:1].upper() + joined[1:]


def _mean(weights: Sequence[float], rows: F32) -> F32:
    return np.asarray(np.array(weights) @ rows.astype(np.float64), dtype=np.float32)[None]

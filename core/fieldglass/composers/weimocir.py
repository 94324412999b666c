"""WeiMoCIR: picture and text mixed, compared with pictures and with their captions (arXiv 2409.04918)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.composers.captions import captions_of, described
from fieldglass.composers.pictures import Shown, raw_vectors, shown
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.composers.vocabulary import text_rows
from fieldglass.composers.wording import asked
from fieldglass.encoders import capabilities
from fieldglass.errors import UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, F64, GalleryView, Query

__all__ = ["WeiMoCir"]


class WeiMoCir:
    """(1 - beta) <q, x> + beta mean over k of <q_k, caption k of x>, q = n((1 - alpha) picture + alpha text).

    q_k has the picture's own k-th caption in the place of the picture; one without is the empty sentence. `captions`
    names the fields, each beside a metadata column of that name (`fieldglass caption import` makes both). Defaults
    are those for CLIP; for BLIP alpha .95 and beta .2. The authors mix vectors before normalisation: so does this
    where the encoder gives them, unless `normalise_before_mix`.
    """

    requires = frozenset({"texts"})

    def __init__(
        self,
        *,
        alpha: float = 0.8,
        beta: float = 0.1,
        captions: tuple[str, ...] = ("caption",),
        normalise_before_mix: bool = False,
        field: str = "image",
    ) -> None:
        if not 0 <= alpha <= 1 or not 0 <= beta <= 1:
            raise UsageError(f"alpha and beta are 0 to 1, not {alpha} and {beta}.")
        if beta and not captions:
            raise UsageError("captions names at least one field, unless beta is 0.")
        self.alpha, self.beta, self.captions = alpha, beta, tuple(captions)
        self.normalise_before_mix = normalise_before_mix
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe for the pictures and one for each field of captions, n rows each."""
        raw = not self.normalise_before_mix and "raw" in capabilities(encoder)
        pictures = shown(queries, "weimocir")
        wanted = self._wanted(queries, encoder, raw)
        if raw:
            seen = _mixed(pictures, raw_vectors(pictures.images, encoder, gallery))
        else:
            seen = unit(picture_vectors(queries, encoder, gallery, self.field, name="weimocir")).astype(np.float64)
        probes = [Probe(self.field, self._query(seen, wanted), 1 - self.beta, label="image")]
        for number, field in enumerate(self.captions if self.beta else ()):
            told = self._told(queries, pictures, number, encoder, gallery, raw)
            probes.append(
                Probe(field, self._query(told, wanted), self.beta / len(self.captions), label=f"caption {number + 1}")
            )
        return Probes(tuple(probes), Fusion("weimocir", "linear"))

    def _query(self, seen: F64, wanted: F64) -> F32:
        return unit(((1 - self.alpha) * seen + self.alpha * wanted).astype(np.float32))

    def _wanted(self, queries: Sequence[Query], encoder: Encoder, raw: bool) -> F64:
        """(n, d): the weighted mean of what each query says; what it refuses counts below 0."""
        found = []
        for query in queries:
            asked(query, "weimocir")
            said = [
                (text.text.strip(), -text.weight if text.role == "negative" else text.weight)
                for text in query.texts
                if text.role != "description"
            ]
            rows = _sentences([text for text, _ in said], encoder, raw)
            weights = np.array([weight for _, weight in said])
            found.append(weights @ rows / np.abs(weights).sum())
        return np.stack(found)

    def _told(
        self,
        queries: Sequence[Query],
        pictures: Shown,
        number: int,
        encoder: Encoder,
        gallery: GalleryView,
        raw: bool,
    ) -> F64:
        """(n, d): the captions of each query's pictures; those given with the query go before those stored."""
        stored = captions_of(pictures, gallery, self.captions[number])
        rows = _mixed(pictures, _sentences(stored, encoder, raw))
        for row, query in enumerate(queries):
            given = described(query)
            if given:
                rows[row] = _sentences([given[min(number, len(given) - 1)]], encoder, raw)[0]
        return rows


def _mixed(pictures: Shown, rows: F32 | F64) -> F64:
    """(n, d): the weighted mean of each query's pictures."""
    found = []
    for parts in pictures.parts:
        total = sum(abs(weight) for _, weight in parts)
        found.append(np.sum([weight / total * rows[place].astype(np.float64) for place, weight in parts], axis=0))
    return np.stack(found)


def _sentences(texts: Sequence[str], encoder: Any, raw: bool) -> F64:
    rows = encoder.raw_texts(list(texts)) if raw else text_rows(texts, encoder)
    return np.asarray(rows, dtype=np.float64)

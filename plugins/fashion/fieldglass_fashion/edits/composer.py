"""`fashion/edits`: what a text changes of a garment as probes for and against, for any encoder that reads texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.composers.turns import latest_pictures, refused, turns
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.errors import QueryError, UsageError
from fieldglass.types import Fusion, Probe, Probes, Query
from fieldglass_fashion.colour import BASIC, SHADES
from fieldglass_fashion.edits.asked import Edits, parse
from fieldglass_fashion.edits.constraint import InColour
from fieldglass_fashion.edits.merging import merged

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, F64, GalleryView, QueryText

__all__ = ["AttributeEdits"]

_Part = tuple[float, int]  # weight and row of a probe


class AttributeEdits:
    """One vector: the picture, without its colours where another is asked for, and phrases for it and against.

    Every part is divided by the spread of its scores over the gallery, so that pictures and texts weigh as
    `text_weight` says whatever the encoder. All turns of a session count: a later one overrules what it contradicts.

    :param text_weight: the share of what is asked for in words; the rest is the picture's.
    :param colour_weight: how much a colour counts beside a phrase.
    :param refused_weight: how much a phrase that is refused counts beside one that is wanted.
    :param colour: "rank" by it, or "only" show hits that have the colours asked for (`least` of the garment).
    """

    requires: frozenset[str] = frozenset({"texts"})
    name = "fashion/edits"

    def __init__(
        self,
        *,
        text_weight: float = 0.5,
        colour_weight: float = 1.0,
        refused_weight: float = 0.5,
        colour: Literal["rank", "only"] = "rank",
        least: float = 0.25,
        field: str = "image",
    ) -> None:
        if not 0 <= text_weight <= 1 or min(colour_weight, refused_weight) < 0 or not 0 < least <= 1:
            raise UsageError(
                "fashion/edits takes a text_weight of 0 to 1, colour_weight and refused_weight of 0 or more, and least "
                "above 0, up to 1."
            )
        if colour not in ("rank", "only"):
            raise UsageError(f"colour is rank or only, not {colour!r}.")
        self.text_weight, self.colour_weight, self.refused_weight = text_weight, colour_weight, refused_weight
        self.colour, self.least, self.field = colour, least, field
        self._space: tuple[str, F64] | None = None  # of the encoder with that fingerprint

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries, with their histories -> one probe with n unit rows; with colour=only a condition for each."""
        asked = [merged(_edits(turn.texts) for turn in turns(query)) for query in queries]
        shown = [_pictures(query) for query in queries]
        for row, (edits, pictures) in enumerate(zip(asked, shown, strict=True)):
            if not edits and not pictures:
                raise QueryError(
                    f"Query {row + 1} of {len(queries)} says nothing that 'fashion/edits' understands.",
                    hint="Give a picture, or a text: --text 'sleeveless, in green instead of red'.",
                )
        total = np.zeros((len(queries), encoder.dim))
        seen = [row for row, pictures in enumerate(shown) if pictures]
        if seen:
            plain = [replace(queries[row], texts=(), history=(), images=shown[row]) for row in seen]
            vectors = unit(picture_vectors(plain, encoder, gallery, self.field, name=self.name))
            recoloured = [place for place, row in enumerate(seen) if asked[row].colours]
            if recoloured and self.text_weight:
                vectors[recoloured] = _without(vectors[recoloured], self._colours(encoder))
            share = [1.0 if not asked[row] else 1 - self.text_weight for row in seen]
            total[seen] += np.array(share)[:, None] * vectors / self._spreads(vectors, gallery)
        self._add_phrases(total, asked, encoder, gallery)
        found = unit(total.astype(np.float32))
        notes = tuple(_note(each) for each in asked)
        return Probes(
            (Probe(self.field, found, label="edited"),),
            Fusion(self.name, "linear"),
            query_notes=notes if any(notes) else (),
            where=self._where(asked, encoder),
        )

    def _add_phrases(self, total: F64, asked: Sequence[Edits], encoder: Any, gallery: GalleryView) -> None:
        rows: dict[str, list[_Part]] = {}
        for row, edits in enumerate(asked):
            parts = [(phrase, 1.0) for phrase in edits.wanted]
            parts += [(phrase, -self.refused_weight) for phrase in edits.refused]
            parts += [(colour, self.colour_weight) for colour in edits.colours]
            parts += [(colour, -self.refused_weight * self.colour_weight) for colour in edits.not_colours]
            whole = sum(abs(weight) for _, weight in parts) or 1.0
            for text, weight in parts:
                rows.setdefault(text, []).append((self.text_weight * weight / whole, row))
        if not rows or not self.text_weight:
            return
        vectors = unit(np.asarray(encoder.texts(list(rows)), dtype=np.float32))
        scaled = vectors / self._spreads(vectors, gallery)
        for vector, parts_of in zip(scaled, rows.values(), strict=True):
            for weight, row in parts_of:
                total[row] += weight * vector

    def _colours(self, encoder: Any) -> F64:
        if self._space is None or self._space[0] != encoder.fingerprint:
            self._space = encoder.fingerprint, _colour_space(encoder)
        return self._space[1]

    def _spreads(self, vectors: F32, gallery: GalleryView) -> F64:
        """(n, 1): the standard deviation of each vector's scores over the gallery; 1 where all are equal."""
        _, spread = gallery.moments(self.field).of_scores(vectors)
        return np.where(spread > 1e-9, spread, 1.0)[:, None]

    def _where(self, asked: Sequence[Edits], encoder: Any) -> tuple[InColour | None, ...]:
        if self.colour != "only" or not any(each.colours or each.not_colours for each in asked):
            return ()
        return tuple(
            InColour(each.colours, each.not_colours, encoder, self.field, self.least)
            if each.colours or each.not_colours
            else None
            for each in asked
        )


def _edits(texts: Sequence[QueryText]) -> Edits:
    found = Edits()
    for text in texts:
        if not text.text.strip():
            raise QueryError("The text of a query is empty.", hint="Say what to look for, or leave the text out.")
        if text.role != "description" and text.weight:
            said = parse(text.text)
            found += said.turned() if (text.role == "negative") != (text.weight < 0) else said
    return found


def _pictures(query: Query) -> tuple[Any, ...]:
    """The pictures of the latest turn that shows some."""
    kept = latest_pictures(turns(query))
    return tuple(image for image in kept if image.weight and not refused(image))


def _colour_space(encoder: Any) -> F64:
    """(k, d): directions in which texts that name colours differ from one another."""
    vectors = np.asarray(encoder.texts([*BASIC, *SHADES]), dtype=np.float64)
    values, mixed = np.linalg.eigh(vectors @ vectors.T)  # far smaller than the vectors
    far = values > 0.01 * values[-1]  # a tenth of the largest singular value
    return np.asarray((vectors.T @ mixed[:, far] / np.sqrt(values[far])).T)


def _without(vectors: F32, space: F64) -> F32:
    left = vectors - (vectors @ space.T) @ space
    norm = np.linalg.norm(left, axis=1, keepdims=True)
    return np.asarray(np.where(norm > 1e-3, left / np.maximum(norm, 1e-12), vectors), dtype=np.float32)


def _note(edits: Edits) -> tuple[str, ...]:
    """How the text was understood, where it was more than one phrase."""
    parts = [f"wanted: {', '.join((*edits.wanted, *edits.colours))}"] if edits.wanted or edits.colours else []
    away = (*edits.refused, *edits.not_colours)
    return ("; ".join([*parts, f"not wanted: {', '.join(away)}"]),) if away else ()

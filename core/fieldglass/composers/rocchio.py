"""Rocchio's relevance feedback: a query moved to what was marked as relevant, away from what was not (SMART, 1971)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.composers.nested import conditions, nested, one_vector
from fieldglass.composers.turns import marked, turns, unmarked
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.encoders import as_query, as_text
from fieldglass.errors import QueryError, UsageError
from fieldglass.interfaces import Composer
from fieldglass.types import Fusion, Probe, Probes, Query

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F64, Filter, GalleryView, QueryImage

__all__ = ["Rocchio"]


class Rocchio:
    """The unit vector of alpha q + beta (mean of the relevant x) - gamma (mean of the x that are not).

    Marks are pictures of the roles `positive` and `negative` in any turn. q, of unit norm, is what the base composer
    makes of all turns without their marks; where nothing but marks is given, q is left out. alpha 1, beta 0.75 and
    gamma 0.15 are the values of the textbooks.

    `form` says what a marked item stands for: a "picture" (as in --like), a "description", or "both", the mean of
    the two. It matters for an encoder whose stored vectors have a part for each, such as mini.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        beta: float = 0.75,
        gamma: float = 0.15,
        form: Literal["picture", "description", "both"] = "both",
        base: str | Composer = "decayed",
        base_settings: str = "",
        field: str = "image",
    ) -> None:
        if not all(0 <= each < np.inf for each in (alpha, beta, gamma)) or alpha + beta <= 0:
            raise UsageError(
                f"rocchio takes alpha, beta and gamma of 0 or more, one of the first two above 0, "
                f"not {alpha}, {beta} and {gamma}."
            )
        if form not in ("picture", "description", "both"):
            raise UsageError(f"form is picture, description or both, not {form!r}.")
        self.alpha, self.beta, self.gamma, self.form, self.field = alpha, beta, gamma, form, field
        self.base = nested(base, base_settings, field)
        self.requires: frozenset[str] = self.base.requires

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries with their histories -> one probe with n unit rows."""
        marks = [marked(query) for query in queries]
        said = [unmarked(query) for query in queries]
        asking = [row for row, query in enumerate(said) if _asks(query)]
        for row, (relevant, _) in enumerate(marks):
            if row not in asking and not relevant:
                raise QueryError(
                    f"Query {row + 1} of {len(queries)} asks for nothing, and no item is marked as relevant.",
                    hint="Give a picture, a text, or an item to be like.",
                )
        total = np.zeros((len(queries), encoder.dim))
        where: tuple[str | Filter | None, ...] = ()
        if asking:
            base = self.base.compose([said[row] for row in asking], encoder, gallery)
            total[asking] += self.alpha * unit(one_vector(base, "rocchio"))
            where = conditions(len(queries), [(asking, base)])
        for row, (relevant, other) in enumerate(marks):
            if relevant:
                total[row] += self.beta * self._mean(relevant, encoder, gallery)
            if other:
                total[row] -= self.gamma * self._mean(other, encoder, gallery)
        probe = Probe(self.field, unit(total.astype(np.float32)), label="moved")
        return Probes((probe,), Fusion("rocchio", "linear"), where=where)

    def _mean(self, images: Sequence[QueryImage], encoder: Encoder, gallery: GalleryView) -> F64:
        """(d,) float64: the mean of marked items by the size of their weights, each of unit norm."""
        forms = {"picture": (as_query,), "description": (as_text,), "both": (as_query, as_text)}[self.form]
        alone = [Query(images=(_plain(image),)) for image in images]
        rows = [
            picture_vectors(alone, encoder, gallery, self.field, name="rocchio", form=form).astype(np.float64)
            for form in forms
        ]
        vectors = unit(np.mean(rows, axis=0).astype(np.float32)).astype(np.float64)
        return np.asarray(np.average(vectors, axis=0, weights=[abs(image.weight) for image in images]))


def _plain(image: QueryImage) -> QueryImage:
    return replace(image, role="reference", weight=1.0)


def _asks(query: Query) -> bool:
    return any(turn.images or turn.place is not None or turn.texts for turn in turns(query))

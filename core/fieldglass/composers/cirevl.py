"""CIReVL: the caption of a picture, edited as the text asks, as a query in words (arXiv 2310.09291)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fieldglass.composers.captions import captions_of, described
from fieldglass.composers.editing import Editing, Pair, filled
from fieldglass.composers.pictures import shown
from fieldglass.composers.vectors import unit
from fieldglass.composers.wording import Said, asked, weighted_rows, without_refused
from fieldglass.errors import QueryError, UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.llm import LanguageModel
    from fieldglass.types import F32, GalleryView, Query

__all__ = ["Cirevl", "Edit"]

Edit = Callable[[str, str], str]  # (caption, instruction) -> the caption of what is looked for
TEMPLATE = "{caption}, but {instruction}"


class Cirevl:
    """The text of an edited caption, alone.

    Captions are those of the metadata column `column` (`fieldglass caption import` or `annotate` fills it) or, for
    a picture from elsewhere, a text of the role `description`. They are edited by the language model `llm_model` at
    `llm_url` (else those of FIELDGLASS_LLM_MODEL and FIELDGLASS_LLM_URL), or, without one, by `template`. `edit` is a
    function that does it instead.

    Where the endpoint is down the template stands in and the answer says so; with `llm_required` that is an
    EndpointError. `llm_private` lets the captions of a private collection go to another machine.
    """

    requires = frozenset({"texts"})

    def __init__(
        self,
        *,
        template: str = TEMPLATE,
        column: str = "caption",
        llm_url: str = "",
        llm_model: str = "",
        llm_required: bool = False,
        llm_private: bool = False,
        timeout_s: float = 60.0,
        edit: Edit | None = None,
        field: str = "image",
    ) -> None:
        if "{caption}" not in template or "{instruction}" not in template:
            raise UsageError(f"The template {template!r} lacks {{caption}} or {{instruction}}.")
        self.template, self.column, self.field = template, column, field
        self.required, self.allowed = llm_required, llm_private
        self._given = edit
        self._model = None if edit is not None else _model(llm_url, llm_model, timeout_s)

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n unit rows."""
        pairs: list[list[tuple[Pair, float]]] = []
        for query, captions in zip(queries, self._captions(queries, gallery), strict=True):
            said = asked(query, "cirevl")
            together = len({weight for _, weight in said}) == 1
            wanted = [(" and ".join(text for text, _ in said), 1.0)] if together else said
            pairs.append([((caption, text), part * weight) for caption, part in captions for text, weight in wanted])
        edited = self._edited([pair for each in pairs for pair, _ in each], gallery)
        parts = [[(edited[pair][0], weight) for pair, weight in each] for each in pairs]
        notes = [tuple(dict.fromkeys(edited[pair][1] for pair, _ in each if edited[pair][1])) for each in pairs]
        found = without_refused(unit(weighted_rows(parts, encoder)), queries, encoder)
        fusion = Fusion("cirevl", "linear")
        return Probes((Probe(self.field, found, label="edited caption"),), fusion, query_notes=tuple(notes))

    def bare(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> F32:
        """(n, d) unit rows: the captions as they are."""
        return unit(weighted_rows(self._captions(queries, gallery), encoder))

    def _captions(self, queries: Sequence[Query], gallery: GalleryView) -> list[list[Said]]:
        """Per query its captions with weights: those given with it, else those of its pictures."""
        given = [described(query) for query in queries]
        pictures = shown([query for query, said in zip(queries, given, strict=True) if not said], "cirevl")
        stored = captions_of(pictures, gallery, self.column)
        for image, caption in zip(pictures.images, stored, strict=True):
            if not caption:
                what = f"Item {image.id!r}" if image.id is not None else "A picture from elsewhere"
                raise QueryError(
                    f"{what} has no caption in the column {self.column!r}.",
                    hint="Say what it shows with --description (a text of that role), or store captions with "
                    "`fieldglass caption import COLLECTION FILE`.",
                )
        rest = iter(pictures.parts)
        return [
            [(text, 1.0) for text in said] if said else [(stored[place], weight) for place, weight in next(rest)]
            for said in given
        ]

    def _edited(self, pairs: Sequence[Pair], gallery: GalleryView) -> dict[Pair, tuple[str, str]]:
        """(caption, instruction) -> the edited caption, and a note where something stood in for the model."""
        if self._model is None:
            edit = self._given or partial(filled, self.template)
            return {pair: (edit(*pair), "") for pair in pairs}
        from fieldglass.llm import guard

        private = guard(gallery, self._model, allowed=self.allowed)
        return Editing(self._model, self.template, self.required, keep=not private).all(pairs)


def _model(url: str, model: str, timeout_s: float) -> LanguageModel | None:
    """None where neither an address nor the name of a model is given, here or in the environment."""
    if not any((url, model, os.environ.get("FIELDGLASS_LLM_URL"), os.environ.get("FIELDGLASS_LLM_MODEL"))):
        return None
    from fieldglass.llm import LanguageModel

    return LanguageModel(url, model, timeout_s=timeout_s)

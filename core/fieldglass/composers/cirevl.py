"""CIReVL: the caption of a picture, edited as the text asks, as a query in words (arXiv 2310.09291)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fieldglass.composers.captions import captions_of, described
from fieldglass.composers.pictures import shown
from fieldglass.composers.vectors import unit
from fieldglass.composers.wording import Said, asked, weighted_rows, without_refused
from fieldglass.errors import QueryError, UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query

__all__ = ["Cirevl", "Edit"]

Edit = Callable[[str, str], str]  # (caption, instruction) -> the caption of what is looked for
TEMPLATE = "{caption}, but {instruction}"


class Cirevl:
    """The text of an edited caption, alone.

    Captions are those of the metadata column `column` (`fieldglass caption import` or `annotate` fills it) or, for
    a picture from elsewhere, a text of the role `description`. They are edited by the language model `llm_model` at
    `llm_url` (any endpoint that speaks OpenAI's protocol; the key from FIELDGLASS_LLM_KEY), or else by `template`,
    which stands in for one offline. `edit` is a function that does it instead.
    """

    requires = frozenset({"texts"})

    def __init__(
        self,
        *,
        template: str = TEMPLATE,
        column: str = "caption",
        llm_url: str = "",
        llm_model: str = "",
        edit: Edit | None = None,
        field: str = "image",
    ) -> None:
        if "{caption}" not in template or "{instruction}" not in template:
            raise UsageError(f"The template {template!r} lacks {{caption}} or {{instruction}}.")
        if bool(llm_url) != bool(llm_model):
            raise UsageError("A language model needs both llm_url and llm_model.")
        self.template, self.column, self.field = template, column, field
        self._edit = edit or self._model(llm_url, llm_model) or self._filled

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n unit rows."""
        parts = []
        for query, captions in zip(queries, self._captions(queries, gallery), strict=True):
            said = asked(query, "cirevl")
            together = len({weight for _, weight in said}) == 1
            wanted = [(" and ".join(text for text, _ in said), 1.0)] if together else said
            parts.append(
                [(self._edit(caption, text), part * weight) for caption, part in captions for text, weight in wanted]
            )
        found = without_refused(unit(weighted_rows(parts, encoder)), queries, encoder)
        return Probes((Probe(self.field, found, label="edited caption"),), Fusion("cirevl", "linear"))

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
                    hint="Say what it shows with a text of the role description, or store captions with "
                    "`fieldglass caption import COLLECTION FILE`.",
                )
        rest = iter(pictures.parts)
        return [
            [(text, 1.0) for text in said] if said else [(stored[place], weight) for place, weight in next(rest)]
            for said in given
        ]

    def _filled(self, caption: str, instruction: str) -> str:
        return self.template.replace("{instruction}", instruction).replace("{caption}", caption.rstrip(". "))

    @staticmethod
    def _model(url: str, model: str) -> Edit | None:
        if not url:
            return None
        from fieldglass.composers.editing import ModelEdit

        return ModelEdit(url, model)

"""ChatIR: everything that was said in a dialogue, as one sentence (arXiv 2305.20062)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fieldglass.composers.nested import nested
from fieldglass.composers.single import Text
from fieldglass.composers.turns import latest_pictures, sentences, turns
from fieldglass.interfaces import Composer
from fieldglass.types import Probes, Query, QueryText

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import GalleryView

__all__ = ["ChatIr"]


UNREAD = "reads sentences alone: pictures and marks change nothing but what is shown. rocchio reads them."


class ChatIr:
    """The sentences of all turns, oldest first, joined by `separator` and given to a base composer.

    `base` is `text`; another one also gets the pictures of the latest turn that shows some. Sentences to keep away
    from cannot be joined: they are taken off by the base composer. An encoder that cuts long texts (CLIP: 77 tokens)
    reads the beginning of a long dialogue alone.
    """

    name = "chatir"

    def __init__(
        self,
        *,
        separator: str = ", ",
        base: str | Composer = "text",
        base_settings: str = "",
        field: str = "image",
    ) -> None:
        self.separator = separator
        self.base = nested(base, base_settings, field)
        self.requires: frozenset[str] = self.base.requires | {"texts"}

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries with their histories -> the probes of the base composer, n rows each."""
        notes: dict[str, None] = {}
        if isinstance(self.base, Text) and any(turn.images for query in queries for turn in turns(query)):
            notes[f"{self.name} {UNREAD}"] = None
        whole = [self._whole(query, gallery, notes) for query in queries]
        found = self.base.compose(whole, encoder, gallery)
        return replace(found, notes=(*found.notes, *notes))

    def sentence(self, asked: Sequence[str], gallery: GalleryView, notes: dict[str, None]) -> str:
        """What was asked, as one sentence; `notes` takes what is to be told about it."""
        return self.separator.join(asked)

    def _whole(self, query: Query, gallery: GalleryView, notes: dict[str, None]) -> Query:
        asked, away = sentences(query, self.name)
        text = QueryText(self.sentence(asked, gallery, notes), "turn")
        return Query(images=latest_pictures(turns(query)), texts=(text, *away), id=query.id)

"""One part of the query alone: its pictures, or its sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldglass.composers.vectors import picture_vectors, text_vectors
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import GalleryView, Query

__all__ = ["Image", "Text"]


class Image:
    """The pictures of the query (and its place) against a field. Several pictures add up with their weights."""

    requires: frozenset[str] = frozenset()

    def __init__(self, *, field: str = "image") -> None:
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows."""
        vectors = picture_vectors(queries, encoder, gallery, self.field, name="image")
        return Probes((Probe(self.field, vectors, label="image"),), Fusion("image", "linear"))


class Text:
    """The sentences of the query against a field. Several sentences add up with their weights."""

    requires = frozenset({"texts"})

    def __init__(self, *, field: str = "image") -> None:
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows."""
        vectors = text_vectors(queries, encoder, name="text")
        return Probes((Probe(self.field, vectors, label="text"),), Fusion("text", "linear"))

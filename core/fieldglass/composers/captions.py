"""What the pictures of a query show, in words that are stored with the items or given with the query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldglass.composers.pictures import Shown
    from fieldglass.types import GalleryView, Query

__all__ = ["captions_of", "described"]


def captions_of(pictures: Shown, gallery: GalleryView, column: str) -> list[str]:
    """The caption of each distinct picture from a metadata column; "" where there is none, as for a file."""
    ids = [image.id for image in pictures.images if image.id is not None]
    known: dict[str, str] = {}
    if ids:
        positions = gallery.positions(ids)
        there = [row for row, position in enumerate(positions) if position >= 0]
        for row, metadata in zip(there, gallery.metadata(positions[there]), strict=True):
            known[ids[row]] = str(metadata.get(column) or "").strip()
    return [known.get(image.id, "") if image.id is not None else "" for image in pictures.images]


def described(query: Query) -> Sequence[str]:
    """The sentences of the role `description`: what the pictures of a query show, in the user's words."""
    return [text.text.strip() for text in query.texts if text.role == "description" and text.text.strip()]

"""The composer of a query for which none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldglass.types import Query

__all__ = ["default_composer"]


def default_composer(query: Query) -> str | None:
    """By what a query holds: pictures or a place, sentences, both, or earlier turns; None where it asks nothing."""
    if query.history:
        return "rocchio"
    pictures = bool(query.images) or query.place is not None
    texts = any(text.role != "description" for text in query.texts)
    if pictures and texts:
        return "weicom"
    return "image" if pictures else "text" if texts else None

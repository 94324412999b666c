"""The composer of a query for which none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldglass.encoders import capabilities
from fieldglass.errors import QueryError
from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import Query

__all__ = ["default_composer", "suiting_composer"]


def default_composer(query: Query) -> str | None:
    """By what a query holds: pictures or a place, sentences, both, or earlier turns; None where it asks nothing."""
    if query.history:
        return "rocchio"
    pictures = bool(query.images) or query.place is not None
    texts = any(text.role != "description" for text in query.texts)
    if pictures and texts:
        return "weicom"
    return "image" if pictures else "text" if texts else None


def suiting_composer(query: Query, encoder: Encoder) -> str | None:
    """The default composer, or the one that the encoder was trained with: its `composer`, for a picture and a sentence.

    QueryError where there are sentences and nothing that this encoder can do with them.
    """
    found = default_composer(query)
    if found not in ("text", "weicom"):
        return found
    trained = str(getattr(encoder, "composer", ""))
    said = [(each.role, each.weight) for each in query.texts] + [(each.role, each.weight) for each in query.images]
    refusing = any(role == "negative" or weight < 0 for role, weight in said)
    if found == "weicom" and trained and not refusing:
        return trained
    if "texts" in capabilities(encoder):
        return found
    if found == "text" and trained:
        raise QueryError(
            f"{encoder.name} reads a sentence only beside a picture.", hint="Give a picture too: --image FILE."
        )
    if trained:
        raise QueryError(f"{encoder.name} cannot refuse.", hint='Say it as a change, such as "without a belt".')
    able = [offer.name for offer in registry().offers("encoders").values() if "texts" in offer.provides]
    raise QueryError(
        f"{encoder.name} reads no sentences.",
        hint=f"Search by a picture alone, or index with one that does: {', '.join(able)}.",
    )

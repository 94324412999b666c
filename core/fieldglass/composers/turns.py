"""A query with its history as the turns of a conversation, oldest first, and what each part of a turn is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fieldglass.errors import QueryError
from fieldglass.registry import registry
from fieldglass.types import Query, QueryImage

if TYPE_CHECKING:
    from fieldglass.types import QueryText

__all__ = ["Marked", "latest_pictures", "marked", "reads_history", "refused", "sentences", "turns", "unmarked"]

Marked = tuple[list[QueryImage], list[QueryImage]]  # relevant, not relevant


def reads_history(composer: str) -> bool:
    """Whether the composer of that name offers it; UnknownNameError where there is none."""
    registry().factory("composers", composer)
    return "history" in registry().offers("composers")[composer].provides


def turns(query: Query) -> tuple[Query, ...]:
    """The earlier turns and the query itself, each without a history of its own."""
    return (*(replace(each, history=()) for each in query.history), replace(query, history=()))


def refused(image: QueryImage) -> bool:
    """Whether a picture is one to keep away from; a weight below 0 turns its role."""
    return (image.role == "negative") != (image.weight < 0)


def unmarked(query: Query) -> Query:
    """The query and its history without relevance marks: pictures of the roles `positive` and `negative`."""

    def kept(each: Query) -> Query:
        return replace(each, images=tuple(image for image in each.images if image.role == "reference"))

    return replace(kept(query), history=tuple(map(kept, query.history)))


def marked(query: Query) -> Marked:
    """The marks of all turns. An item that was marked twice counts as it was marked last."""
    found: dict[object, QueryImage] = {}
    for turn in turns(query):
        for image in turn.images:
            if image.role != "reference" and image.weight:
                key = ("id", image.id) if image.id is not None else id(image)
                found.pop(key, None)
                found[key] = image
    images = list(found.values())
    return [each for each in images if not refused(each)], [each for each in images if refused(each)]


def sentences(query: Query, name: str) -> tuple[list[str], list[QueryText]]:
    """What all turns ask for in words, in order, and the sentences they refuse. QueryError where none asks."""
    asked: list[str] = []
    away: list[QueryText] = []
    for turn in turns(query):
        for text in turn.texts:
            said = text.text.strip()
            if not said:
                raise QueryError("The text of a query is empty.", hint="Say what to look for, or leave the text out.")
            if (text.role == "negative") != (text.weight < 0):
                away.append(replace(text, role="negative", weight=abs(text.weight)))
            elif text.weight:
                asked.append(said)
    if not asked:
        raise QueryError(
            f"{name!r} reads sentences, and no turn of the query says what to look for.",
            hint="Give --text, or take an updater that reads pictures: rocchio or decayed.",
        )
    return asked, away


def latest_pictures(said: Sequence[Query]) -> tuple[QueryImage, ...]:
    """The pictures of the latest turn that shows some, without those to keep away from."""
    for turn in reversed(said):
        shown = tuple(image for image in turn.images if not refused(image))
        if shown:
            return shown
    return ()

"""One turn of a session, and the query that all turns so far amount to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.asking import outlines_of
from fieldglass.result import Asked, Picture
from fieldglass.types import Query, QueryImage, QueryText

if TYPE_CHECKING:
    from fieldglass.types import Filter

__all__ = ["Given", "Turn", "asked_of", "filter_of", "query_of", "rejected"]


@dataclass(frozen=True)
class Given:
    """A picture of a turn and where it came from.

    `origin` is a file, the bytes of one, or None: an indexed item, or pixels. `lost` says why a picture of a saved
    session cannot be used any more; `record` is then what the file said of it.
    """

    image: QueryImage
    name: str
    origin: Path | bytes | None = None
    item: str | None = None
    preview: bytes | None = field(default=None, repr=False)
    lost: str = ""
    record: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Turn:
    """What was said at once. `where` is the filter from this turn on: None keeps the one before, "" lifts it.

    `question` is what was asked before it, and `answer` what was answered; `shown` are the hits that followed,
    (id, score), best first.
    """

    texts: tuple[QueryText, ...] = ()
    pictures: tuple[Given, ...] = ()
    place: tuple[float, float] | None = None
    where: str | Filter | None = None
    question: str = ""
    answer: str = ""
    shown: tuple[tuple[str, float], ...] = ()

    @property
    def silent(self) -> bool:
        """Whether it says nothing to search by: a change of the filter alone."""
        return not (self.texts or self.pictures or self.place is not None)


def rejected(turns: Iterable[Turn]) -> frozenset[str]:
    """The ids whose last mark is that they are not what is looked for."""
    found: dict[str, bool] = {}
    for turn in turns:
        for given in turn.pictures:
            if given.image.id is not None and given.image.role != "reference":
                found[given.image.id] = given.image.role == "negative"
    return frozenset(name for name, away in found.items() if away)


def filter_of(turns: Sequence[Turn]) -> str | Filter | None:
    """The filter that holds after these turns."""
    return next((turn.where for turn in reversed(turns) if turn.where is not None), None) or None


def query_of(turns: Sequence[Turn], *, gone: frozenset[str] = frozenset(), **rules: Any) -> Query:
    """The last turn as a query, the others as its history; without lost pictures and those of the ids in `gone`.

    `rules` are `exclude` and whatever else a `Query` has that holds for all turns.
    """
    said = [
        Query(
            images=tuple(each.image for each in turn.pictures if not each.lost and each.image.id not in gone),
            texts=turn.texts,
            place=turn.place,
        )
        for turn in turns
    ]
    last = said[-1]
    return Query(
        images=last.images,
        texts=last.texts,
        place=last.place,
        history=tuple(said[:-1]),
        where=filter_of(turns),
        **rules,
    )


def asked_of(turns: Sequence[Turn]) -> Asked:
    """All turns as one page shows them."""
    pictures = tuple(Picture(each.name, each.image.role, each.preview) for turn in turns for each in turn.pictures)
    texts = tuple(text for turn in turns for text in turn.texts)
    place = next((turn.place for turn in reversed(turns) if turn.place is not None), None)
    where = filter_of(turns)
    return Asked(pictures, texts, place, where if isinstance(where, str) else "", outlines_of(where))

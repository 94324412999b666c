"""A search in several turns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fieldglass.asking import Question
from fieldglass.composers.turns import reads_history
from fieldglass.errors import QueryError, UsageError
from fieldglass.registry import registry
from fieldglass.search.reranking import Reranking
from fieldglass.searching import Searchable
from fieldglass.session.questions import Proposal, depth, narrowed, propose
from fieldglass.session.remembering import Remembering
from fieldglass.session.turn import Given, Turn, asked_of, filter_of, query_of, rejected
from fieldglass.types import QueryImage, QueryText

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.interfaces import Composer
    from fieldglass.result import Hit, SearchResult
    from fieldglass.types import Query

__all__ = ["Session"]

Mark = int | str  # the number of a hit, or an id


class Session:
    """A search in several turns: say what you look for, then correct it.

        session = Session(fieldglass.open("shop.collection"))
        session.start(text="a summer dress")
        session.refine(like=3, not_like=[5, 7])
        session.refine(text="in red", where="price < 50")
        session.undo()

    :param updater: the composer that makes one query of all turns, by name (`fieldglass list composers` shows which
        read a history) or as an object.
    :param options: of the updater.
    :param k: how many hits a turn shows.
    :param hide_rejected: items marked as not relevant are no hits any more.
    :param exclude: ids never to show; `exclude_group`, `rerank` and `collapse` as in `Collection.search`. With
        `collapse` a rejected item is gone with its whole group.

    A turn that cannot be answered raises an error and leaves the session as it was. Nothing is kept between turns but
    what was said: each turn composes all of them anew, so that undoing is leaving out.
    """

    def __init__(
        self,
        collection: Collection,
        *,
        updater: str | Composer = "rocchio",
        options: Mapping[str, Any] | None = None,
        k: int = 10,
        hide_rejected: bool = True,
        exclude: Iterable[str] = (),
        exclude_group: str | None = None,
        rerank: str | None = None,
        collapse: str | None = None,
    ) -> None:
        if isinstance(updater, str):
            _needs_history(updater)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UsageError(f"k is the number of hits of a turn, 1 or more, not {k!r}.")
        self.collection, self.updater, self.options, self.k = collection, updater, dict(options or {}), k
        self.hide_rejected, self.exclude = hide_rejected, frozenset(exclude)
        self.exclude_group, self.rerank, self.collapse = exclude_group, rerank, collapse
        encoder: Any = Remembering(collection.encoder)
        self._searchable = Searchable(collection.store, field=collection.field.name, encoder=encoder, beside=collection)
        self._composer: Composer | None = None
        self._reranking: Reranking | None = None
        self._turns: tuple[Turn, ...] = ()
        self._undone: tuple[Turn, ...] = ()
        self._result: SearchResult | None = None
        self.pending = ""  # a question that waits for its answer
        self._proposal: Proposal | None = None

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said so far, oldest first."""
        return self._turns

    @property
    def undone(self) -> tuple[Turn, ...]:
        """The turns that `redo` brings back, the next one last."""
        return self._undone

    @property
    def result(self) -> SearchResult | None:
        """The hits of the last turn with those that `more` added; None before the first."""
        return self._result

    @property
    def query(self) -> Query | None:
        """All turns as the one query that gave `result`; None before the first."""
        return self._query(self._turns, self._gone(self._turns)[0]) if self._result is not None else None

    @property
    def hits(self) -> Sequence[Hit]:
        """The hits that can be marked by number."""
        return self._result.hits if self._result is not None else ()

    def start(
        self,
        *,
        text: Any = None,
        image: Any = None,
        like: str | Iterable[str] | None = None,
        place: tuple[float, float] | None = None,
        not_text: Any = None,
        not_image: Any = None,
        where: Any = None,
        item: str | None = None,
    ) -> SearchResult:
        """The first turn; the arguments are those of `Collection.search`."""
        if self._turns:
            raise UsageError("The session has begun.", hint="Go on with `refine`, or make another Session.")
        turn = self._turn(
            text=text, image=image, place=place, not_text=not_text, not_image=not_image, where=where, item=item
        )
        ids = [like] if isinstance(like, str) else list(like or ())
        liked = tuple(self._marked(each, "reference") for each in ids)
        return self._take(replace(turn, pictures=(*turn.pictures, *liked)))

    def refine(
        self,
        *,
        text: Any = None,
        image: Any = None,
        like: Mark | Iterable[Mark] | None = None,
        not_like: Mark | Iterable[Mark] | None = None,
        place: tuple[float, float] | None = None,
        not_text: Any = None,
        not_image: Any = None,
        where: Any = None,
        item: str | None = None,
    ) -> SearchResult:
        """A further turn.

        :param like: hits to be more like, by number (those of the last turn and of `more`) or id.
        :param not_like: hits that are not what is looked for.
        :param where: the filter from now on; "" lifts it, None leaves it as it is.
        """
        turn = self._turn(
            text=text, image=image, place=place, not_text=not_text, not_image=not_image, where=where, item=item
        )
        marks = [(each, "positive") for each in _listed(like)] + [(each, "negative") for each in _listed(not_like)]
        both = set(_listed(like)) & set(_listed(not_like))
        if both:
            raise UsageError(f"{both.pop()!r} is marked as both relevant and not.")
        pictures = tuple(self._marked(each, role) for each, role in marks)
        return self._take(replace(turn, pictures=(*turn.pictures, *pictures)))

    def ask(self) -> Proposal:
        """A question whose answer would narrow the search most: which value of a column (see `questions`).

        It waits in `pending` for `answer`. QueryError where the hits differ in no column.
        """
        if self._result is None:
            raise UsageError("There are no hits yet.", hint="Begin with `start`.")
        looked = self._search(self._turns, depth(len(self._turns)))
        found = propose([hit.metadata for hit in looked], [turn.question for turn in self._turns])
        if found is None:
            raise QueryError("The hits differ in no column that could be asked about.", hint="Add columns: `annotate`.")
        self.pending, self._proposal = found.text, found
        return found

    def answer(self, text: str, question: str | None = None, *, where: Any = None) -> SearchResult:
        """The answer to a question; by default to the one that waits (see `pending`).

        A value of the column that `ask` asked about becomes a filter; any other answer and its question become a
        sentence.
        """
        asked = self.pending if question is None else question
        if not isinstance(text, str) or not text.strip():
            raise QueryError("The answer is empty.")
        proposal, holds = self._proposal, filter_of(self._turns)
        if proposal is not None and asked == proposal.text and not (holds and not isinstance(holds, str)):
            value = narrowed(proposal, text, str(where or holds or ""))
            if value is not None:
                return self._take(Turn(where=value, question=proposal.column, answer=text.strip()))
            asked = f"which {proposal.column}?"
        said = f"{asked} {text.strip()}".strip()
        turn = Turn(texts=(QueryText(said, "turn"),), where=where, question=asked, answer=text.strip())
        return self._take(turn)

    def more(self, k: int | None = None) -> SearchResult:
        """The next hits of the last turn, `k` of them; they are numbered on."""
        before = len(self.hits)
        if self._result is None:
            raise UsageError("There are no hits yet.", hint="Begin with `start`.")
        whole = self._search(self._turns, before + (k or self.k))
        self._show(self._turns, whole)
        return replace(whole, hits=whole.hits[before:])

    def undo(self) -> SearchResult | None:
        """Take the last turn back: the hits as they were before it, None where it was the first."""
        if not self._turns:
            raise UsageError("There is nothing to undo.")
        kept = self._turns[:-1]
        result = self._search(kept, self.k) if kept else None
        self._undone = (*self._undone, self._turns[-1])
        self._show(kept, result)
        return result

    def redo(self) -> SearchResult:
        """Take the last undoing back."""
        if not self._undone:
            raise UsageError("There is nothing to redo.")
        turns = (*self._turns, self._undone[-1])
        result = self._search(turns, self.k)
        self._undone = self._undone[:-1]
        self._show(turns, result)
        return result

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session to one JSON file, at once or not at all; `resume` reads it."""
        from fieldglass.session.file import write

        write(self, Path(path).expanduser())

    @classmethod
    def resume(
        cls, path: str | os.PathLike[str], collection: Collection, *, options: Mapping[str, Any] | None = None
    ) -> Session:
        """The session of a file, with the hits of its last turn as the collection has them now.

        CollectionError where it was held with another collection, FingerprintError where the vectors are those of
        another encoder, UsageError where the file is no session. `options` add to those of the updater.
        """
        from fieldglass.session.file import read

        saved = read(Path(path).expanduser(), collection)
        session = cls(
            collection,
            updater=saved.updater,
            options={**saved.options, **(options or {})},
            k=saved.k,
            hide_rejected=saved.hide_rejected,
            exclude=saved.exclude,
            exclude_group=saved.exclude_group,
            rerank=saved.rerank,
            collapse=saved.collapse,
        )
        try:
            result = session._search(saved.turns, saved.k) if saved.turns else None
        except QueryError:
            if not session._gone(saved.turns)[1]:
                raise
            result = None  # nothing that was asked is left; the turns are, and another can be added
        session._undone = saved.undone
        session._show(saved.turns, result)
        return session

    def transcript(self, form: Literal["markdown", "html", "json"] = "markdown") -> str:
        """The whole session for people (Markdown, or a page with thumbnails) or for programs (JSON)."""
        from fieldglass.session.transcript import transcript

        return transcript(self, form)

    # Inside

    def _turn(self, *, place: Any, where: Any, item: str | None, **parts: Any) -> Turn:
        asked = self._searchable.ask(place=place, item=item, **parts)
        origins = [_origin(each) for name in ("image", "not_image") for each in _listed(parts[name])]
        pictures = tuple(
            Given(image, picture.name, origin, item, picture.preview)
            for image, picture, origin in zip(asked.query.images, asked.asked.pictures, origins, strict=True)
        )
        return Turn(asked.query.texts, pictures, place, where)

    def _marked(self, mark: Mark, role: Any) -> Given:
        if isinstance(mark, int) and not isinstance(mark, bool):
            if not 1 <= mark <= len(self.hits):
                shown = f"The hits are numbered 1 to {len(self.hits)}." if self.hits else "There are no hits yet."
                raise QueryError(f"There is no hit {mark}.", hint=shown)
            mark = self.hits[mark - 1].id
        snapshot = self.collection.store.snapshot()
        position = int(snapshot.positions([str(mark)])[0]) if isinstance(mark, str) else -1
        if position < 0:
            raise QueryError(
                f"There is no item {mark!r} in the collection.", hint="Name a hit by its number or its id."
            )
        return Given(QueryImage(id=str(mark), role=role), str(mark), preview=snapshot.thumbnail(position))

    def _take(self, turn: Turn) -> SearchResult:
        if turn.silent and turn.where is None:
            raise QueryError("Nothing is asked.", hint="Say something, give a picture, mark a hit, or set a filter.")
        turns = (*self._turns, turn)
        result = self._search(turns, self.k)
        self._undone, self.pending, self._proposal = (), "", None
        self._show(turns, result)
        return result

    def _search(self, turns: tuple[Turn, ...], k: int) -> SearchResult:
        gone, notes = self._gone(turns)
        question = Question(self._query(turns, gone), asked_of(turns), {})
        if self._composer is None:  # made once, both: an endpoint that is down is left alone from turn to turn
            updater = self.updater
            self._composer = self._searchable.made(updater, self.options) if isinstance(updater, str) else updater
            self._reranking = Reranking(self.rerank)
        (result,) = self._searchable.answer(
            [question], k=k, composer=self._composer, rerank=self._reranking, collapse=self.collapse
        )
        name = self.updater if isinstance(self.updater, str) else result.composer
        return replace(result, composer=name, notes=(*notes, *result.notes))

    def _query(self, turns: tuple[Turn, ...], gone: frozenset[str]) -> Query:
        away = self._rejected(turns) if self.hide_rejected else frozenset()
        return query_of(turns, gone=gone, exclude=self.exclude | away, exclude_group=self.exclude_group)

    def _rejected(self, turns: Sequence[Turn]) -> frozenset[str]:
        """The ids that were marked as not relevant, with all of their groups where hits are collapsed by those."""
        away = rejected(turns)
        snapshot = self.collection.store.snapshot()
        if self.collapse is None or self.collapse not in snapshot.columns or not away:
            return away
        positions = snapshot.positions(sorted(away))
        values = {value for value in snapshot.group(self.collapse, positions[positions >= 0]) if value is not None}
        return away.union(*(snapshot.ids(snapshot.members(self.collapse, value)) for value in values))

    def _gone(self, turns: Sequence[Turn]) -> tuple[frozenset[str], list[str]]:
        """The ids of pictures that the collection has no more, and what to say of these and of lost files."""
        pictures = [given for turn in turns for given in turn.pictures]
        ids = list(dict.fromkeys(given.image.id for given in pictures if given.image.id is not None))
        there = self.collection.store.snapshot().positions(ids)
        gone = [name for name, position in zip(ids, there, strict=True) if position < 0]
        notes = [f"No longer in the collection, and left out: {', '.join(map(repr, gone))}."] if gone else []
        notes += [f"{given.name!r} is left out: {given.lost}" for given in pictures if given.lost]
        return frozenset(gone), list(dict.fromkeys(notes))

    def _show(self, turns: tuple[Turn, ...], result: SearchResult | None) -> None:
        if turns and result is not None:
            last = replace(turns[-1], shown=tuple((hit.id, hit.score) for hit in result))
            turns = (*turns[:-1], last)
        self._turns, self._result = turns, result


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple, set, frozenset)) else [given]


def _origin(thing: Any) -> Path | bytes | None:
    """What a file of the session can say of a picture: where it lies, or what it is; None for pixels."""
    if isinstance(thing, (str, os.PathLike)):
        return Path(thing).expanduser().resolve()
    return bytes(thing) if isinstance(thing, (bytes, bytearray, memoryview)) else None


def _needs_history(updater: str) -> None:
    if reads_history(updater):
        return
    offers = registry().offers("composers")
    able = ", ".join(sorted(name for name, offer in offers.items() if "history" in offer.provides))
    raise UsageError(
        f"The composer {updater!r} reads one turn alone.",
        hint=f"Those that read a history: {able}. To use it for each turn: updater decayed with base={updater}.",
    )

"""The searching half of a collection: its encoder, questions, answers, explanations."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from fieldglass.asking import Question, ask
from fieldglass.composers.default import suiting_composer
from fieldglass.encoders.cut import noting
from fieldglass.errors import CollectionError, FingerprintError
from fieldglass.options import options_of
from fieldglass.registry import registry
from fieldglass.result import Hit, SearchResult

if TYPE_CHECKING:
    from pathlib import Path

    from fieldglass.interfaces import Composer, Encoder, Reranker
    from fieldglass.search import Engine, Explanation, Outcome
    from fieldglass.search.reranking import Reranking
    from fieldglass.store import Field, Snapshot, Store
    from fieldglass.types import Query

__all__ = ["Searchable"]


class Searchable:
    """A store, the field of it that is searched, and the encoder of that field.

    :param beside: another of the same store: what it has opened is not opened again.
    """

    def __init__(
        self,
        store: Store,
        *,
        field: str = "image",
        encoder: Encoder | None = None,
        beside: Searchable | None = None,
    ) -> None:
        self.store = store
        self._field = field
        self._encoder = encoder
        self._beside = beside
        self._engine: Engine | None = None

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.store.path

    @property
    def field(self) -> Field:
        """The field that is searched."""
        fields = self.store.snapshot().fields
        if self._field not in fields:
            known = f"It has {', '.join(fields)}." if fields else "Take pictures in by `fieldglass index` first."
            raise CollectionError(f"{self.path} has no field {self._field!r}.", hint=known)
        return fields[self._field]

    @property
    def encoder(self) -> Encoder:
        """The encoder that made its vectors, loaded at the first call. FingerprintError where it has changed."""
        if self._encoder is None:
            field = self.field
            encoder = registry().create("encoders", field.encoder, field.options)
            self._check(field, field.encoder, encoder, {})
            self._encoder = encoder
        return self._encoder

    def expect(self, encoder: str, options: Mapping[str, Any] | None = None) -> None:
        """FingerprintError unless this encoder with these options made the vectors."""
        field = self.field
        made = registry().create("encoders", encoder, options)
        self._check(field, encoder, made, options or {})
        self._encoder = made

    def _check(self, field: Field, name: str, encoder: Encoder, given: Mapping[str, Any]) -> None:
        if encoder.fingerprint == field.fingerprint:
            return
        roots = " ".join(shlex.quote(str(source.root)) for source in self.store.snapshot().sources.values()) or "SOURCE"
        options = "".join(f" --set {key}={shlex.quote(str(value))}" for key, value in given.items())
        raise FingerprintError(
            f"The vectors of {self.path} were made by {field.encoder} ({field.fingerprint}); "
            f"{name} is now {encoder.fingerprint}.",
            hint=f"Index again with it: fieldglass index {roots} --to NEW.collection --encoder {name}{options}",
        )

    def ask(
        self,
        *,
        image: Any = None,
        like: str | Iterable[str] | None = None,
        text: Any = None,
        place: tuple[float, float] | None = None,
        not_image: Any = None,
        not_like: str | Iterable[str] | None = None,
        not_text: Any = None,
        domain: Any = None,
        description: Any = None,
        where: Any = None,
        only: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        exclude_group: str | None = None,
        exclude_self: bool = False,
        history: Sequence[Query] = (),
        item: str | None = None,
        id: str = "",
    ) -> Question:
        """A query to be answered, alone or with others, by `answer`; the arguments are those of `search`."""
        return ask(
            self.store.snapshot(),
            pictures=((image, "reference"), (not_image, "negative")),
            likes=((like, "reference"), (not_like, "negative")),
            texts=(
                (text, "modification"),
                (not_text, "negative"),
                (domain, "domain"),
                (description, "description"),
            ),
            place=place,
            where=where,
            only=only,
            exclude=exclude,
            exclude_group=exclude_group,
            exclude_self=exclude_self,
            history=tuple(history),
            encoder=lambda: self.encoder,
            item=item,
            id=id,
        )

    def answer(
        self,
        questions: Sequence[Question],
        *,
        k: int = 10,
        composer: str | Composer | None = None,
        options: Mapping[str, Any] | None = None,
        min_score: float | None = None,
        collapse: str | None = None,
        rerank: str | Reranker | Reranking | None = None,
        rerank_options: Mapping[str, Any] | None = None,
        rerank_required: bool = False,
        calibrate: Literal["all", "matches"] = "all",
        index: str = "auto",
    ) -> list[SearchResult]:
        """The hits of several questions, searched together; the arguments are those of `search`."""
        results: dict[int, SearchResult] = {}
        for chosen, numbers in self._by_kind(questions, composer):
            with noting() as cut:
                outcomes = self.engine.search(
                    [questions[number].query for number in numbers],
                    composer=chosen,
                    options=self._options(chosen, options),
                    k=k,
                    min_score=min_score,
                    collapse=collapse,
                    rerank=rerank,
                    rerank_options=rerank_options,
                    rerank_required=rerank_required,
                    calibrate=calibrate,
                    index=index,
                )
            for number, outcome in zip(numbers, outcomes, strict=True):
                results[number] = self._result(questions[number], outcome, cut, alone=len(numbers) == 1)
        return [results[number] for number in range(len(questions))]

    def search(
        self,
        *,
        image: Any = None,
        like: str | Iterable[str] | None = None,
        text: Any = None,
        place: tuple[float, float] | None = None,
        not_image: Any = None,
        not_like: str | Iterable[str] | None = None,
        not_text: Any = None,
        domain: Any = None,
        description: Any = None,
        where: Any = None,
        only: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        exclude_group: str | None = None,
        exclude_self: bool = False,
        history: Sequence[Query] = (),
        item: str | None = None,
        k: int = 10,
        composer: str | Composer | None = None,
        options: Mapping[str, Any] | None = None,
        min_score: float | None = None,
        collapse: str | None = None,
        rerank: str | Reranker | None = None,
        rerank_options: Mapping[str, Any] | None = None,
        rerank_required: bool = False,
        calibrate: Literal["all", "matches"] = "all",
        index: str = "auto",
    ) -> SearchResult:
        """The `k` best items for pictures, sentences and a place.

        :param image: a path, bytes, a PIL image, a uint8 array (H, W, 3), or a list of them.
        :param like: id of an indexed item, or several.
        :param text: a sentence, a `QueryText`, or a list of them.
        :param place: latitude and longitude in degrees.
        :param not_image: pictures to keep away from; `not_like` and `not_text` likewise.
        :param domain: a style or domain to find the same in ("a sketch"): for `freedom` and the textual inversions.
        :param description: what the pictures show, in words: for `cirevl` and `weimocir`.
        :param where: SQL over the metadata columns, a `Filter` (`fieldglass.spatial`), or a list that must all hold.
        :param only: ids to search among; `exclude` are ids never to return.
        :param exclude_group: a group column: items that share its value with a query picture are no hits; "" for
            none where the collection has one.
        :param exclude_self: the query pictures themselves are no hits.
        :param item: which item of a query file that holds several.
        :param composer: how the parts are joined; by default `image`, `text` or `weicom`, or what the encoder was
            trained with.
        :param options: of the composer.
        :param min_score: hits below it are left out.
        :param collapse: a group column: its best item alone is a hit.
        :param rerank: a reranker, or its name; `rerank_options` go with a name.
        :param rerank_required: EndpointError where its endpoint is down, instead of the hits as they are with a note.
        :param calibrate: statistics over all items, or over those that match the filter.
        :param index: "exact" compares every item; or the kind of index that must be used.
        """
        question = self.ask(
            image=image,
            like=like,
            text=text,
            place=place,
            not_image=not_image,
            not_like=not_like,
            not_text=not_text,
            domain=domain,
            description=description,
            where=where,
            only=only,
            exclude=exclude,
            exclude_group=exclude_group,
            exclude_self=exclude_self,
            history=history,
            item=item,
        )
        (result,) = self.answer(
            [question],
            k=k,
            composer=composer,
            options=options,
            min_score=min_score,
            collapse=collapse,
            rerank=rerank,
            rerank_options=rerank_options,
            rerank_required=rerank_required,
            calibrate=calibrate,
            index=index,
        )
        return result

    def explain(
        self,
        id: str,
        question: Question,
        *,
        composer: str | Composer | None = None,
        options: Mapping[str, Any] | None = None,
        calibrate: Literal["all", "matches"] = "all",
        rerank: str | Reranker | None = None,
        rerank_options: Mapping[str, Any] | None = None,
        rerank_required: bool = False,
    ) -> Explanation:
        """What each probe of a question (see `ask`) gives to the score of one item, and where a reranker put it."""
        ((chosen, _),) = self._by_kind([question], composer)
        found = self.engine.explain(
            question.query,
            id,
            composer=chosen,
            options=self._options(chosen, options),
            calibrate=calibrate,
            rerank=rerank,
            rerank_options=rerank_options,
            rerank_required=rerank_required,
        )
        return replace(found, notes=(*self.store.snapshot().notices, *found.notes))

    def made(self, composer: str, options: Mapping[str, Any] | None = None) -> Composer:
        """A composer to use for several searches, with the options that suit the model and the field."""
        return self.engine.made(composer, self._options(composer, options))

    @property
    def engine(self) -> Engine:
        """The search engine, made at the first search."""
        if self._engine is None:
            from fieldglass.search import Engine

            beside = None if self._beside is None else self._beside.engine
            self._engine = Engine(self.store, self.encoder, beside=beside)
        return self._engine

    def _options(self, composer: str | Composer | None, options: Mapping[str, Any] | None) -> dict[str, Any]:
        """The options of a composer; one that compares with a field is told which, where it is not `image`."""
        given = dict(options or {})
        if isinstance(composer, str) and self._field != "image":
            known = options_of(registry().factory("composers", composer))
            given = {**({"field": self._field} if "field" in known else {}), **given}
        return given

    def _by_kind(self, questions: Sequence[Question], composer: str | Composer | None) -> list[tuple[Any, list[int]]]:
        """Composers and the numbers of their questions; without one, each gets the default of its own parts."""
        if composer is not None:
            return [(composer, list(range(len(questions))))]
        found: dict[str | None, list[int]] = {}
        for number, question in enumerate(questions):
            found.setdefault(suiting_composer(question.query, self.encoder), []).append(number)
        return list(found.items())

    def _result(self, question: Question, outcome: Outcome, cut: Mapping[str, str], *, alone: bool) -> SearchResult:
        snapshot = self.store.snapshot()
        ids = outcome.ranking.ids
        rows = zip(ids, outcome.ranking.scores, snapshot.positions(ids), outcome.sources, outcome.metadata, strict=True)
        hits = tuple(
            Hit(rank, id, float(score), source, metadata, int(position), snapshot)
            for rank, (id, score, position, source, metadata) in enumerate(rows, 1)
        )
        spent = {**question.elapsed_ms, **outcome.elapsed_ms}
        spent["total"] = sum(time for step, time in spent.items() if step != "total")
        return SearchResult(
            hits,
            collection=str(self.path),
            encoder=self.field.encoder,
            composer=outcome.composer,
            exact=outcome.exact,
            elapsed_ms=spent,
            matched=outcome.matched,
            notes=(*snapshot.notices, *self._nothing(snapshot), *outcome.notes, *self._cut(question, cut, alone)),
            asked=question.asked,
            reranker=outcome.reranker,
        )

    def _nothing(self, snapshot: Snapshot) -> list[str]:
        """Why nothing can be found in a collection that is empty, and what to do."""
        if snapshot.count:
            return []
        source = next((each for each in snapshot.sources.values() if each.root.is_absolute()), None)
        named = "FOLDER" if source is None else shlex.quote(str(source.root))
        loader = "" if source is None or source.loader == "files" else f" --loader {source.loader}"
        take = f"fieldglass index {named} --to {shlex.quote(str(self.path))}{loader}"
        return [
            f"The collection is empty: `{take}` takes pictures in, `fieldglass problems` says what could not be taken."
        ]

    def _cut(self, question: Question, cut: Mapping[str, str], alone: bool) -> list[str]:
        """Notes on what the encoder left out of the sentences of a query, or of what a composer made of them."""
        said = {text.text for turn in (*question.query.history, question.query) for text in turn.texts}
        left_out = dict.fromkeys(rest for text, rest in cut.items() if alone or text in said)
        return [f"The sentence is longer than {self.encoder.name} reads; left out: “{rest}”." for rest in left_out]

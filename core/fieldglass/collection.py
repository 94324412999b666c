"""A collection of pictures on disk: index into it, search it, change it.

c = fieldglass.open("holiday.collection")
for hit in c.search(image="beach.jpg", text="a dog", where="year >= 2019", k=10):
    print(hit.rank, hit.id, hit.score)
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from fieldglass.asking import Question, ask
from fieldglass.errors import CollectionError, FingerprintError
from fieldglass.options import options_of
from fieldglass.registry import registry
from fieldglass.result import Hit, SearchResult
from fieldglass.store import Store

if TYPE_CHECKING:
    import os
    import threading
    from types import TracebackType

    from fieldglass.ingest import Joined, Progress, Report
    from fieldglass.interfaces import Composer, Encoder
    from fieldglass.search import Engine, Explanation, Outcome
    from fieldglass.store import Committed, Field, Finding, JournalRow
    from fieldglass.types import Query

__all__ = ["Collection", "create", "import_", "open"]


def open(path: str | os.PathLike[str], *, field: str = "image") -> Collection:
    """The collection at `path`. NotACollectionError where there is none, FormatError where it is too new."""
    return Collection(Store.open(Path(path).expanduser()), field=field)


def create(
    path: str | os.PathLike[str],
    encoder: str = "mini",
    options: Mapping[str, Any] | None = None,
    *,
    field: str = "image",
    properties: Mapping[str, str] | None = None,
) -> Collection:
    """A new, empty collection whose `field` holds vectors of that encoder.

    `properties` are kept with it; `exclude_group` names the group whose items never are hits of one another.
    """
    from fieldglass.ingest import field_of

    made = registry().create("encoders", encoder, options)
    store = Store.create(Path(path).expanduser(), properties=properties)
    with store.writer("create") as writer:
        writer.add_field(field_of(field, made, encoder, options or {}))
    return Collection(store, field=field, encoder=made)


def import_(folder: str | os.PathLike[str], path: str | os.PathLike[str]) -> Collection:
    """A new collection at `path` of what `Collection.export` wrote; the vectors are the same to the last bit."""
    from fieldglass.store import import_ as read

    return Collection(read(Path(folder).expanduser(), Path(path).expanduser()))


class Collection:
    """Made by `fieldglass.open` and `fieldglass.create`. Searching from several threads is safe."""

    def __init__(self, store: Store, *, field: str = "image", encoder: Encoder | None = None) -> None:
        self.store = store
        self._field = field
        self._encoder = encoder
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

    # Searching

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
            texts=((text, "modification"), (not_text, "negative")),
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
        rerank: str | None = None,
        calibrate: Literal["all", "matches"] = "all",
        index: Literal["auto", "exact", "ivf"] = "auto",
    ) -> list[SearchResult]:
        """The hits of several questions, searched together; the arguments are those of `search`."""
        results: dict[int, SearchResult] = {}
        for chosen, numbers in _by_kind(questions, composer):
            outcomes = self.engine.search(
                [questions[number].query for number in numbers],
                composer=chosen,
                options=self._options(chosen, options),
                k=k,
                min_score=min_score,
                collapse=collapse,
                rerank=rerank,
                calibrate=calibrate,
                index=index,
            )
            for number, outcome in zip(numbers, outcomes, strict=True):
                results[number] = self._result(questions[number], outcome)
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
        rerank: str | None = None,
        calibrate: Literal["all", "matches"] = "all",
        index: Literal["auto", "exact", "ivf"] = "auto",
    ) -> SearchResult:
        """The `k` best items for pictures, sentences and a place.

        :param image: a path, bytes, a PIL image, a uint8 array (H, W, 3), or a list of them.
        :param like: id of an indexed item, or several.
        :param text: a sentence, a `QueryText`, or a list of them.
        :param place: latitude and longitude in degrees.
        :param not_image: pictures to keep away from; `not_like` and `not_text` likewise.
        :param where: SQL over the metadata columns, or a `Filter`.
        :param only: ids to search among; `exclude` are ids never to return.
        :param exclude_group: a group column: items that share its value with a query picture are no hits.
        :param exclude_self: the query pictures themselves are no hits.
        :param item: which item of a query file that holds several.
        :param composer: how the parts are joined; by default `image`, `text` or `weicom`.
        :param options: of the composer.
        :param min_score: hits below it are left out.
        :param collapse: a group column: its best item alone is a hit.
        :param rerank: a reranker's name.
        :param calibrate: statistics over all items, or over those that match the filter.
        :param index: "exact" compares every item.
        """
        question = self.ask(
            image=image,
            like=like,
            text=text,
            place=place,
            not_image=not_image,
            not_like=not_like,
            not_text=not_text,
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
    ) -> Explanation:
        """What each probe of a question (see `ask`) contributes to the score of one item."""
        ((chosen, _),) = _by_kind([question], composer)
        return self.engine.explain(
            question.query, id, composer=chosen, options=self._options(chosen, options), calibrate=calibrate
        )

    @property
    def engine(self) -> Engine:
        """The search engine, made at the first search."""
        if self._engine is None:
            from fieldglass.search import Engine

            self._engine = Engine(self.store, self.encoder)
        return self._engine

    def _options(self, composer: str | Composer | None, options: Mapping[str, Any] | None) -> dict[str, Any]:
        """The options of a composer; one that compares with a field is told which, where it is not `image`."""
        given = dict(options or {})
        if isinstance(composer, str) and self._field != "image":
            known = options_of(registry().factory("composers", composer))
            given = {**({"field": self._field} if "field" in known else {}), **given}
        return given

    def _result(self, question: Question, outcome: Outcome) -> SearchResult:
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
            notes=outcome.notes,
            asked=question.asked,
        )

    # Changing

    def index(
        self,
        source: str | os.PathLike[str],
        *,
        name: str | None = None,
        loader: str = "files",
        loader_options: Mapping[str, Any] | None = None,
        batch: int = 32,
        workers: int | None = None,
        limit: int | None = None,
        prune: bool = False,
        rehash: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Report:
        """Take in what is new or changed below `source`; the same call goes on where the last one stopped.

        :param name: of the source; the ids of every source but the first begin with it.
        :param limit: stop after so many items.
        :param prune: remove items that are no longer there.
        :param rehash: look at the content of every file, not at size and time alone.
        :param stop: set it, and indexing ends after the current batch.
        """
        from fieldglass.ingest import ingest

        field = self.field
        return ingest(
            self.store,
            Path(source).expanduser(),
            name=name,
            loader=loader,
            loader_options=dict(loader_options or {}),
            encoder=self.encoder,
            encoder_name=field.encoder,
            encoder_options=field.options,
            field=field.name,
            batch=batch,
            workers=workers,
            limit=limit,
            prune=prune,
            rehash=rehash,
            progress=progress,
            stop=stop,
        )

    def build(
        self, kind: str = "auto", *, recall: float = 0.95, progress: Callable[[str], None] | None = None
    ) -> list[str]:
        """Bring moments and index up to date; above 100 000 items `auto` trains an IVF index. The files written."""
        from fieldglass.search import build

        return build(self.store, kind=kind, recall=recall, progress=progress)

    def delete(self, ids: Iterable[str]) -> int:
        """Remove items by id; how many there were. Their space comes back by `compact`."""
        with self.store.writer("delete") as writer:
            return writer.delete(list(ids))

    def compact(self) -> int:
        """Give the space of removed items back; how many were dropped for good."""
        with self.store.writer("compact") as writer:
            return writer.compact()

    def verify(self) -> Iterator[Finding]:
        """Read everything; one finding per damaged, missing or surplus file."""
        return self.store.verify()

    def repair(self) -> int:
        """Drop damaged segments; how many items the next `index` encodes again for that."""
        with self.store.writer("repair") as writer:
            return writer.repair()

    def adopt(self) -> Committed:
        """Commit what workers elsewhere have left in `incoming/`."""
        from fieldglass.ingest import adopt

        return adopt(self.store)

    def export(self, folder: str | os.PathLike[str], *, spreadsheet: bool = False) -> int:
        """Write vectors as npy and items as Parquet (and as CSV) into an empty folder; how many items."""
        from fieldglass.store import export

        return export(self.store, Path(folder).expanduser(), spreadsheet=spreadsheet)

    def annotate(
        self, table: str | os.PathLike[str], *, on: str = "id", columns: Sequence[str] | None = None
    ) -> Joined:
        """Add or replace columns from a CSV, TSV, JSONL or Parquet table, joined by its column of ids."""
        from fieldglass.ingest import annotate

        return annotate(self.store, Path(table).expanduser(), on=on, columns=columns)

    def set_metadata(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Add or replace cells, {column: value} by id; None empties a cell. How many items were found."""
        with self.store.writer("annotate") as writer:
            return writer.put_metadata(rows)

    def refresh(self, *, progress: Callable[[int, int], None] | None = None) -> int:
        """Run the metadata hooks of all plugins on every item again; how many changed."""
        from fieldglass.ingest import refresh

        return refresh(self.store, progress=progress)

    def encode_column(self, column: str, *, field: str | None = None, again: bool = False) -> int:
        """Encode the texts of a column (captions) into a field of its own, named after it; how many."""
        from fieldglass.ingest import encode_column

        own = self.field
        return encode_column(
            self.store,
            column,
            self.encoder,
            encoder_name=own.encoder,
            encoder_options=own.options,
            field=field,
            again=again,
        )

    def relocate(self, name: str, root: str | os.PathLike[str]) -> None:
        """Say where a source lies now."""
        with self.store.writer("relocate") as writer:
            writer.relocate(name, Path(root).expanduser().resolve())

    # Looking

    def info(self) -> dict[str, Any]:
        """Items, encoder, dim, segments, index, problems, bytes and more; JSON-able."""
        from fieldglass.search.indexed import name

        snapshot = self.store.snapshot()
        found = snapshot.info()
        field = snapshot.fields.get(self._field)
        index = snapshot.derived(name(self._field))
        return {
            "items": found.pop("items"),
            "encoder": field.encoder if field else None,
            "dim": field.dim if field else None,
            "segments": found.pop("segments"),
            "index": index[1]["kind"] if index else "exact",
            **found,
        }

    def problems(self) -> Sequence[JournalRow]:
        """What could not be taken, and why."""
        return self.store.snapshot().journal()

    def __len__(self) -> int:
        return self.store.snapshot().count

    def __repr__(self) -> str:
        return f"<Collection {str(self.path)!r}: {len(self):,} items>"

    def close(self) -> None:
        """Close the catalogue."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _by_kind(questions: Sequence[Question], composer: str | Composer | None) -> list[tuple[Any, list[int]]]:
    """Composers and the numbers of their questions; without one, each question gets the default of its own parts."""
    if composer is not None:
        return [(composer, list(range(len(questions))))]
    found: dict[str | None, list[int]] = {}
    for number, question in enumerate(questions):
        query = question.query
        pictures, texts = bool(query.images) or query.place is not None, bool(query.texts)
        default = "weicom" if pictures and texts else "image" if pictures else "text" if texts else None
        found.setdefault(default, []).append(number)
    return list(found.items())

"""A collection of pictures on disk: index into it, search it, change it.

c = fieldglass.open("holiday.collection")
for hit in c.search(image="beach.jpg", text="a dog", where="taken >= '2019-06-01'", k=10):
    print(hit.rank, hit.id, hit.score)
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fieldglass.registry import registry
from fieldglass.searching import Searchable
from fieldglass.store import Store

if TYPE_CHECKING:
    import os
    import threading
    from types import TracebackType

    from fieldglass.ingest import Joined, Progress, Report
    from fieldglass.search import Augmented
    from fieldglass.store import Committed, Finding, JournalRow

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

    `properties` are kept with it; `exclude_group` names the group whose items never are hits of one another, and
    `identity` tells this collection from any other: it is made here, and copies and exports keep it.
    """
    from fieldglass.ingest import field_of

    made = registry().create("encoders", encoder, options)
    store = Store.create(Path(path).expanduser(), properties={"identity": uuid.uuid4().hex, **(properties or {})})
    try:
        with store.writer("create") as writer:
            writer.add_field(field_of(field, made, encoder, options or {}))
    except BaseException:
        store.close()
        shutil.rmtree(store.path)
        raise
    return Collection(store, field=field, encoder=made)


def import_(folder: str | os.PathLike[str], path: str | os.PathLike[str]) -> Collection:
    """A new collection at `path` of what `Collection.export` wrote; the vectors are the same to the last bit."""
    from fieldglass.store import import_ as read

    made = Collection(read(Path(folder).expanduser(), Path(path).expanduser()))
    made.build()
    return made


class Collection(Searchable):
    """Made by `fieldglass.open` and `fieldglass.create`. Searching from several threads is safe."""

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
        metadata_options: Mapping[str, Mapping[str, str]] | None = None,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Report:
        """Take in what is new or changed below `source`; the same call goes on where the last one stopped.

        :param name: of the source; the ids of every source but the first begin with it.
        :param limit: stop after so many items.
        :param prune: remove items that are no longer there.
        :param rehash: look at the content of every file, not at size and time alone.
        :param metadata_options: plugin -> options of its metadata hook, such as {"geo": {"round_coords": "3"}}; the
            collection keeps them.
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
            metadata_options=metadata_options,
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
        self,
        table: str | os.PathLike[str],
        *,
        on: str = "id",
        columns: Sequence[str] | None = None,
        encoding: str = "utf-8",
        delimiter: str = "",
        decimal: str = "",
    ) -> Joined:
        """Add or replace columns from a CSV, TSV, JSONL or Parquet table, joined by its column of ids.

        `encoding`, `delimiter` and `decimal` are those of the `table` loader.
        """
        from fieldglass.ingest import annotate

        how = {"encoding": encoding, "delimiter": delimiter, "decimal": decimal}
        return annotate(self.store, Path(table).expanduser(), on=on, columns=columns, **how)

    def set_metadata(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
        """Add or replace cells, {column: value} by id; None empties a cell. How many items were found."""
        with self.store.writer("annotate") as writer:
            return writer.put_metadata(rows).changed

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

    def augment(
        self,
        *,
        field: str | None = None,
        k: int = 10,
        alpha: float = 3.0,
        again: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Augmented:
        """Fill another field with the vectors of this one, each moved towards its `k` nearest; see `search.augment`."""
        from fieldglass.search import augment, build

        done = augment(self.store, base=self._field, field=field, k=k, alpha=alpha, again=again, progress=progress)
        build(self.store, fields=[done.field])
        return done

    def relocate(self, name: str, root: str | os.PathLike[str]) -> None:
        """Say where a source lies now."""
        from fieldglass.ingest.making import concealed

        place = Path(root).expanduser().resolve()
        source = self.store.snapshot().sources.get(name)
        with self.store.writer("relocate") as writer:
            writer.relocate(name, place if source is None else concealed(source, place))

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

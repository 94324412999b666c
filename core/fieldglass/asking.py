"""Turns the arguments of a search into a `Query` and what is shown of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import FilterError, QueryError
from fieldglass.loaders.paths import base_of, portable
from fieldglass.registry import registry
from fieldglass.result import Asked, Picture
from fieldglass.types import All, Query, QueryImage, QueryText

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.query_pictures import PictureReader
    from fieldglass.store import Snapshot, Source
    from fieldglass.types import Filter

__all__ = ["Question", "ask", "outlines_of"]


@dataclass(frozen=True)
class Question:
    """A query, how it is shown, and the milliseconds that reading its pictures took."""

    query: Query
    asked: Asked
    elapsed_ms: Mapping[str, float]


def ask(
    snapshot: Snapshot,
    *,
    pictures: Sequence[tuple[Any, str]],
    likes: Sequence[tuple[Any, str]],
    texts: Sequence[tuple[Any, str]],
    place: tuple[float, float] | None,
    where: Any,
    only: Iterable[str] | None,
    exclude: Iterable[str],
    exclude_group: str | None,
    exclude_self: bool,
    history: tuple[Query, ...],
    encoder: Callable[[], Encoder],
    item: str | None,
    id: str,
) -> Question:
    """Read the pictures, look the ids up, and put the question together."""
    started = time.perf_counter()
    images: list[QueryImage] = []
    shown: list[Picture] = []
    reader: PictureReader | None = None
    group = snapshot.properties.get("exclude_group") if exclude_group is None else exclude_group
    for given, role in pictures:
        for thing in _several(given):
            reader = reader or _reader(snapshot, encoder())
            image, picture = reader.read(thing, role=role, item=item)
            images.append(_grouped(snapshot, image, thing) if group else image)
            shown.append(picture)
    for given, role in likes:
        for like in _several(given):
            images.append(QueryImage(id=like, role=role))  # type: ignore[arg-type]
            shown.append(Picture(like, role, snapshot.thumbnail(_position(snapshot, like))))
    words = tuple(_worded(text, role) for given, role in texts for text in _several(given))
    excluded = _ids(exclude)
    if exclude_self:
        excluded |= _themselves(snapshot, pictures, likes)
    query = Query(
        images=tuple(images),
        texts=words,
        place=place,
        only=None if only is None else _ids(only),
        exclude=excluded,
        exclude_group=group,
        where=_filter(where),
        history=history,
        id=id,
    )
    said = "" if query.where is None else str(query.where)
    asked = Asked(tuple(shown), words, place, said, outlines_of(query.where))
    spent = {"read": 1000 * (time.perf_counter() - started)} if reader else {}
    return Question(query, asked, spent)


def _filter(where: Any) -> str | Filter | None:
    """One filter, or `All` of several; FilterError for what is neither SQL nor a `Filter`."""
    parts = [each for each in _several(where) if each is not None]
    for part in parts:
        if not isinstance(part, str) and not callable(getattr(part, "bitmap", None)):
            raise FilterError(f"A filter is SQL text or has a method `bitmap`, not {part!r}.")
    if len(parts) < 2:
        return parts[0] if parts else None
    return All(tuple(parts))


def outlines_of(where: str | Filter | None) -> tuple[Any, ...]:
    """The areas on the globe that a filter keeps to."""
    return All(() if where is None else (where.parts if isinstance(where, All) else (where,))).outlines


def _worded(text: Any, role: Any) -> QueryText:
    if not isinstance(text, (str, QueryText)):
        raise QueryError(f"A text is a str or a QueryText, not {text!r}.")
    return text if isinstance(text, QueryText) else QueryText(text, role)


def _several(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple, set, frozenset)) else [given]


def _ids(given: Iterable[str]) -> frozenset[str]:
    return frozenset([given] if isinstance(given, str) else given)


def _reader(snapshot: Snapshot, encoder: Encoder) -> PictureReader:
    """Reads as the collection's first source does, to the same pixels; the pictures of a table as files."""
    from fieldglass.ingest import make_loader
    from fieldglass.query_pictures import PictureReader

    source = next(iter(snapshot.sources.values()), None)
    if source is None:
        return PictureReader(make_loader("files", {}, encoder))
    name = getattr(registry().factory("loaders", source.loader), "queries", source.loader)
    options = {} if name == "files" else source.options  # a query may have a suffix that the source leaves out
    return PictureReader(make_loader(name, options, encoder))


def _position(snapshot: Snapshot, id: str) -> int:
    position = int(snapshot.positions([id])[0])
    if position < 0:
        raise QueryError(f"There is no item {id!r} in the collection.", hint=_near(snapshot, id))
    return position


def _near(snapshot: Snapshot, id: str) -> str:
    """Items that may be meant by a file's name: its tiles or frames, or those of a file of that name in a folder."""
    name = id.replace("'", "''")
    if not id:
        return "Ids are as `fieldglass search` prints them."
    size = len(id)
    meant = f"substr(id, 1, {size + 1}) = '{name}#' OR path = '{name}' OR substr(path, -{size + 1}) = '/{name}'"
    found = snapshot.select(meant)
    if not len(found):
        return "Ids are as `fieldglass search` prints them."
    several = f" ({len(found):,} in all)" if len(found) > 3 else ""
    return f"Did you mean {', '.join(snapshot.ids(found[:3]))}{several}?"


def _themselves(
    snapshot: Snapshot, pictures: Sequence[tuple[Any, str]], likes: Sequence[tuple[Any, str]]
) -> frozenset[str]:
    """The ids of the query pictures, where they are indexed."""
    found = {like for given, _ in likes for like in _several(given)}
    for given, _ in pictures:
        for thing in _several(given):
            if isinstance(thing, (str, os.PathLike)):
                found.update(_of_file(snapshot, Path(thing).expanduser().resolve()))
    return frozenset(found)


def _grouped(snapshot: Snapshot, image: QueryImage, thing: Any) -> QueryImage:
    """With the groups that the collection has of an indexed file: its folders may tell what the file alone does not."""
    if image.item is None or not isinstance(thing, (str, os.PathLike)):
        return image
    ids = _of_file(snapshot, Path(thing).expanduser().resolve())
    if not ids:
        return image
    ((_, stored),) = snapshot.items(snapshot.positions(ids[:1]))
    return replace(image, item=replace(image.item, groups={**image.item.groups, **stored.groups}))


def _of_file(snapshot: Snapshot, path: Path) -> list[str]:
    ids = []
    for source in snapshot.sources.values():
        loader = registry().create("loaders", source.loader, source.options)
        base = base_of(loader, source.root).resolve()
        if not path.is_relative_to(base):
            continue
        if hasattr(loader, "ids_of"):  # a private one, whose items hold no path
            ids += _beginning_with(snapshot, source, loader.ids_of(path, source.root))
        else:
            relative = portable(path.relative_to(base).as_posix()).replace("'", "''")
            name = source.name.replace("'", "''")
            ids += snapshot.ids(snapshot.select(f"path = '{relative}' AND source = '{name}'"))
    return ids


def _beginning_with(snapshot: Snapshot, source: Source, names: Iterable[str]) -> list[str]:
    ids = []
    for name in map(source.collection_id, names):
        quoted = name.replace("'", "''")
        ids += snapshot.ids(snapshot.select(f"id = '{quoted}' OR (id >= '{quoted}#' AND id < '{quoted}$')"))
    return ids

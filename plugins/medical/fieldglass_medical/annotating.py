"""Joins a table to items by the names of their files, which a private collection does not hold."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.paths import base_of
from fieldglass.loaders.rows import BadRow, column_names, read_rows, require_column
from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.ingest import Joined
    from fieldglass.types import Item

__all__ = ["annotate"]


def annotate(
    collection: Collection, table: Path, *, on: str, columns: Sequence[str] | None = None, **written: str
) -> Joined:
    """Add columns from a table whose column `on` holds files or folders as they lie below the source, or ids.

    A file stands for every item of it, a folder for every item below it. The key of the collection's loader leads
    from files to ids; the names themselves go nowhere. `written` says how the table is written: encoding, delimiter,
    decimal. LoaderError where the table cannot be read.
    """
    if not table.is_file():
        raise LoaderError(f"There is no table {str(table)!r}.")
    reading = {name: value for name, value in written.items() if name != "decimal"}
    require_column(table, on, column_names(table, **reading), " Which holds the files is said by --on COLUMN.")
    known = _ids_by_file(collection)
    lines, bad, lost = [], [], 0
    for row in read_rows(table, **reading):
        if isinstance(row, BadRow):
            bad.append(f"Line {row.line}: {row.reason}.")
            continue
        name = str(row.cells.get(on) or "").strip().replace("\\", "/").removeprefix("./").rstrip("/")
        ids = known.get(name, [])
        lost += not ids
        lines += [{**row.cells, on: id} for id in ids]
    if not lines:
        raise UsageError(
            f"No row of {table.name!r} has in {on!r} a file of the collection.",
            hint="Write files relative to the folder that was indexed, as in patient1/slice3.dcm.",
        )
    with tempfile.TemporaryDirectory(prefix="fieldglass-") as folder:
        made = Path(folder) / "table.jsonl"
        made.write_text("".join(json.dumps(line, default=str) + "\n" for line in lines), encoding="utf-8")
        decimal = written.get("decimal", "")
        joined = collection.annotate(made, on=on, columns=columns, **({"decimal": decimal} if decimal else {}))
    joined.unmatched += lost
    joined.bad += bad
    return joined


def _ids_by_file(collection: Collection) -> dict[str, list[str]]:
    """File, and each folder above it, -> ids in the collection; ids stand for themselves."""
    snapshot = collection.store.snapshot()
    paths: dict[str, dict[str, str]] = {}
    for source in snapshot.sources.values():
        loader: Any = registry().create("loaders", source.loader, source.options)
        if hasattr(loader, "identity"):
            base = Path(base_of(loader, source.root)).resolve()
            paths[source.name] = loader.identity.paths(base)
    found: dict[str, list[str]] = {}
    positions = snapshot.live_positions()
    for id, (source, item) in zip(snapshot.ids(positions), snapshot.items(positions), strict=True):
        found.setdefault(id, []).append(id)
        names = {paths.get(source.name, {}).get(file) for file in _files(item)} | set(item.paths)
        places = {each for name in names if name for each in (name, *map(str, PurePosixPath(name).parents))}
        for place in places - {".", id}:
            found.setdefault(place, []).append(id)
    return found


def _files(item: Item) -> Iterator[str]:
    """The hashes of the files that an item is read from."""
    yield str(item.locator.get("file", item.id))
    yield from map(str, item.locator.get("files", ()))

"""Import: a new collection of what `export` wrote, with the same ids, metadata and bits."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import DamagedError, FieldglassError, FormatError, NotACollectionError
from fieldglass.store.codec import decode, stored_dtype, stored_width
from fieldglass.store.exporting import FORMAT, MANIFEST, TABLE, arrow, arrow_names
from fieldglass.store.records import Column, Entry, Fault, Field
from fieldglass.store.store import Store
from fieldglass.store.writer import Writer
from fieldglass.types import Item, Problem

__all__ = ["import_"]

_ROWS = 4096


def import_(folder: str | os.PathLike[str], path: str | os.PathLike[str]) -> Store:
    """Make the collection `path` of the folder of an export. A folder that is not whole leaves nothing behind."""
    origin = Path(folder).absolute()
    if not (origin / MANIFEST).is_file():
        raise NotACollectionError(f"{origin} is not an export: it has no {MANIFEST}.")
    broken = (ValueError, KeyError, TypeError, AttributeError, OSError, arrow().ArrowException)
    try:
        manifest = json.loads((origin / MANIFEST).read_bytes())
        if manifest["format"] > FORMAT:
            raise FormatError(f"{origin} was written by a newer Fieldglass.", hint="pip install --upgrade fieldglass")
        properties = {str(name): str(value) for name, value in manifest["properties"].items()}
    except FieldglassError:
        raise
    except broken as error:
        raise _damaged(origin, error) from error
    store = Store.create(path, properties=properties)
    try:
        with store.writer(f"import of {origin}") as writer:
            _fill(writer, origin, manifest)
    except BaseException as error:
        store.close()
        shutil.rmtree(store.path)
        if isinstance(error, broken) and not isinstance(error, FieldglassError):
            raise _damaged(origin, error) from error
        raise
    return store


def _fill(writer: Writer, origin: Path, manifest: Mapping[str, Any]) -> None:
    sources = {
        each["name"]: writer.add_source(each["name"], Path(each["root"]), each["loader"], each["options"])
        for each in manifest["sources"]
    }
    columns = [Column(**each) for each in manifest["columns"]]
    fields = [Field(**each) for each in manifest["fields"]]
    writer.define(columns)
    for field in fields:
        writer.add_field(field)
    arrays = [(field, *_arrays(origin, field, manifest["items"])) for field in fields]
    start = 0
    for rows in _tables(origin):
        for name, group in groupby(rows, key=lambda row: str(row["source"])):
            entries = [_entry(row, columns) for row in group]
            stop = start + len(entries)
            for field, stored, present in arrays:
                vectors, has = decode(field, stored[start:stop]), present[start:stop]
                for entry, vector, given in zip(entries, vectors, has, strict=True):
                    if given:
                        entry.vectors = {**entry.vectors, field.name: vector}
            writer.commit(sources[name], entries)
            start = stop
    if start != manifest["items"]:
        raise DamagedError(f"{origin / TABLE} has {start} items instead of {manifest['items']}.")
    for row in manifest["journal"]:
        problem = Problem(row["subject"], row["code"], row["message"], (), row["severity"])
        writer.commit(sources[row["source"]], (), [Fault(problem, row["stamp"])])
    writer.merge()


def _arrays(origin: Path, field: Field, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    stored = np.load(origin / f"{field.name}.npy", mmap_mode="r", allow_pickle=False)
    present = np.load(origin / f"{field.name}.present.npy", allow_pickle=False)
    expected = (count, field.rows, stored_width(field)), stored_dtype(field)
    if (stored.shape, stored.dtype) != expected or present.shape != (count,) or present.dtype != np.bool_:
        raise DamagedError(
            f"{origin / field.name}.npy is {stored.dtype} {stored.shape}, not {expected[1]} {expected[0]}."
        )
    return stored, present


def _tables(origin: Path) -> Iterator[list[dict[str, Any]]]:
    with arrow().parquet.ParquetFile(origin / TABLE) as file:
        for batch in file.iter_batches(_ROWS):
            yield batch.to_pylist()


def _entry(row: Mapping[str, Any], columns: Sequence[Column]) -> Entry:
    names = arrow_names({column.name: column for column in columns})
    cells = {column.name: _value(column, row[names[column.name]]) for column in columns}
    groups = {column.name: cells[column.name] for column in columns if column.group and cells[column.name] is not None}
    metadata = {name: value for name, value in cells.items() if name not in groups}
    item = Item(row["id"], tuple(row["paths"]), json.loads(row["locator"]), metadata, groups)
    hashes = row["content_hash"], metadata, row["metadata_hash"]
    return Entry(item, row["stamp"], *hashes, row["thumb"] or b"")


def _value(column: Column, cell: Any) -> Any:
    if column.type != "date" or cell is None:
        return cell
    return date.fromisoformat(cell) if len(cell) == len("2000-01-01") else datetime.fromisoformat(cell)


def _damaged(origin: Path, error: BaseException) -> DamagedError:
    return DamagedError(f"{origin} is not a whole export: {error!r}.", hint="Export again.")

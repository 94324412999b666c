"""Export: vectors as npy, items as Parquet (GeoParquet where there is lat and lon), the rest as JSON."""

from __future__ import annotations

import csv
import json
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import CollectionError, MissingExtraError
from fieldglass.store.catalogue import disk_errors
from fieldglass.store.codec import stored_dtype, stored_width
from fieldglass.store.records import Column, Field
from fieldglass.store.segments import write_array
from fieldglass.store.snapshot import Snapshot
from fieldglass.store.store import Store

__all__ = ["FORMAT", "MANIFEST", "TABLE", "arrow", "arrow_names", "export", "harmless"]

FORMAT = 1
MANIFEST = "collection.json"  # written last: a folder that has it is whole
TABLE = "items.parquet"
FIXED = ("id", "source", "paths", "locator", "stamp", "content_hash", "metadata_hash", "thumb")
_ROWS = 4096
_TYPES = {"int": "int64", "float": "float64", "bool": "bool_", "text": "string", "date": "string"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # Excel reads the wide ones too, in Japanese


def export(store: Store, folder: str | os.PathLike[str], *, spreadsheet: bool = False) -> int:
    """Write all live items to an empty folder; how many. `spreadsheet` adds items.csv.

    `<field>.npy` has the stored vectors in the order of `items.parquet`, `<field>.present.npy` which
    items have the field. In the csv, text that a spreadsheet would take for a formula is neutralised.
    """
    target = Path(folder).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CollectionError(f"{target} is not an empty folder.", hint="Choose another one.")
    arrow()
    snapshot = store.snapshot()
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        live = snapshot.live_positions()
        for field in snapshot.fields.values():
            present = snapshot.present(field.name)[live]
            np.save(target / f"{field.name}.present.npy", present, allow_pickle=False)
            write_array(target / f"{field.name}.npy", field, len(live), _stored(snapshot, field, live))
        _write_table(target / TABLE, snapshot, live)
        if spreadsheet:
            _write_csv(target / "items.csv", snapshot, live)
        (target / MANIFEST).write_text(json.dumps(_manifest(snapshot, len(live)), indent=1), encoding="utf-8")
    return len(live)


def arrow() -> Any:
    """pyarrow, or MissingExtraError."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            "Export and import need pyarrow.", hint="Install it: pip install 'fieldglass[parquet]'."
        ) from error
    return pyarrow


def arrow_names(columns: Mapping[str, Column]) -> dict[str, str]:
    """The Parquet name of each metadata column: its own, unless that is taken."""
    taken = {*FIXED, "geometry"}
    names: dict[str, str] = {}
    for name in columns:
        chosen = name
        while chosen in taken:
            chosen += "_"
        taken.add(chosen)
        names[name] = chosen
    return names


def _manifest(snapshot: Snapshot, count: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "items": count,
        "properties": dict(snapshot.properties),
        "sources": [{**asdict(each), "root": str(each.root)} for each in snapshot.sources.values()],
        "fields": [{**asdict(each), "options": dict(each.options)} for each in snapshot.fields.values()],
        "columns": [asdict(each) for each in snapshot.columns.values()],
        "journal": [asdict(each) for each in snapshot.journal()],
    }


def _stored(snapshot: Snapshot, field: Field, live: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """The rows at live positions as they are on disk, zeros where an item lacks the field."""
    for chunk in _chunks(live):
        rows = np.zeros((len(chunk), field.rows, stored_width(field)), dtype=stored_dtype(field))
        for segment in snapshot.segments(field.name):
            inside = np.flatnonzero((chunk >= segment.start) & (chunk < segment.stop))
            if len(inside):
                rows[inside] = segment.array[chunk[inside] - segment.start]
        yield rows


def _write_table(path: Path, snapshot: Snapshot, live: np.ndarray[Any, Any]) -> None:
    pa = arrow()
    names = arrow_names(snapshot.columns)
    places = _place_columns(snapshot.columns)
    kinds = {names[name]: getattr(pa, _TYPES[column.type])() for name, column in snapshot.columns.items()}
    fields = [
        *((name, pa.string()) for name in ("id", "source")),
        ("paths", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("locator", "stamp", "content_hash", "metadata_hash")),
        ("thumb", pa.binary()),
        *kinds.items(),
        *([("geometry", pa.binary())] if places else []),
    ]
    schema = pa.schema(fields, metadata=_geo() if places else None)
    with pa.parquet.ParquetWriter(path, schema) as writer:
        for chunk in _chunks(live):
            rows = list(_rows(snapshot, chunk, names, places))
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _rows(
    snapshot: Snapshot, chunk: np.ndarray[Any, Any], names: Mapping[str, str], places: tuple[str, str] | None
) -> Iterator[dict[str, Any]]:
    kept = snapshot.stamps(chunk)
    cells = snapshot.metadata(chunk)
    for position, row, (source, item), cell in zip(chunk, kept, snapshot.items(chunk), cells, strict=True):
        found: dict[str, Any] = {names[name]: value for name, value in cell.items()}
        found |= dict(zip(("id", "stamp", "content_hash", "metadata_hash"), row, strict=True))
        found |= {"source": source.name, "paths": list(item.paths), "locator": json.dumps(dict(item.locator))}
        found["thumb"] = snapshot.thumbnail(int(position))
        if places and places[0] in cell and places[1] in cell:
            found["geometry"] = struct.pack("<BIdd", 1, 1, cell[places[1]], cell[places[0]])
        yield found


def _place_columns(columns: Mapping[str, Column]) -> tuple[str, str] | None:
    """The columns of latitude and longitude in degrees, if there are both."""
    for lat, lon in (("lat", "lon"), ("latitude", "longitude")):
        if all(name in columns and columns[name].type in ("int", "float") for name in (lat, lon)):
            return lat, lon
    return None


def _geo() -> dict[str, str]:
    """The key that makes Parquet GeoParquet: longitude, latitude on WGS 84 is its default."""
    column = {"encoding": "WKB", "geometry_types": ["Point"]}
    return {"geo": json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}})}


def _write_csv(path: Path, snapshot: Snapshot, live: np.ndarray[Any, Any]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([harmless(name) for name in ("id", "source", "path", *snapshot.columns)])
        for chunk in _chunks(live):
            parts = zip(snapshot.ids(chunk), snapshot.items(chunk), snapshot.metadata(chunk), strict=True)
            for id, (source, item), cells in parts:
                row = [id, source.name, *item.paths[:1]] + [""] * (not item.paths)
                table.writerow([harmless(cell) for cell in [*row, *(cells.get(name) for name in snapshot.columns)]])


def harmless(cell: Any) -> Any:
    """A cell of a CSV; text that a spreadsheet would take for a formula is quoted."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _chunks(positions: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    for start in range(0, len(positions), _ROWS):
        yield positions[start : start + _ROWS]

"""Parcels: batches that a worker elsewhere has finished, for the owner of the collection to commit.

A parcel is a folder of `incoming/`: the files of a batch as they will lie in `segments/`, the rows as
JSON lines, and a manifest with every checksum. It gets its name when it is whole; only the owner
removes it, after its commit.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fieldglass.errors import DamagedError, FieldglassError, FingerprintError, UsageError
from fieldglass.store.adoption import Rows, SegmentRow
from fieldglass.store.durable import DurableFile, Sealed, check_whole, fsync_folder
from fieldglass.store.packing import pack_into
from fieldglass.store.records import Entry, Fault, Field, Source
from fieldglass.store.segments import FOLDER, file_name
from fieldglass.types import Item, Problem

__all__ = ["INCOMING", "Parcel", "link_files", "list_parcels", "read_parcel", "write_parcel"]

INCOMING = "incoming"
_ENDING = ".parcel"
_FORMAT = 1


@dataclass(frozen=True)
class Parcel:
    """What is in a parcel; the numbers of its segments are still 0."""

    path: Path
    source: str
    fields: Mapping[str, Mapping[str, Any]]
    rows: Rows
    segments: Sequence[SegmentRow]
    faults: Sequence[Fault]


def write_parcel(
    folder: Path,
    fields: Mapping[str, Field],
    source: Source,
    entries: Sequence[Entry],
    problems: Sequence[Problem | Fault] = (),
) -> Path:
    """Write a parcel into the folder `incoming` of a collection, at once or not at all. Needs no lock."""
    name = uuid.uuid4().hex
    temporary = folder / f".{name}"
    temporary.mkdir()
    try:
        segments = pack_into(temporary, 0, fields, entries)
        with DurableFile(temporary / "rows.jsonl") as file:
            for entry in entries:
                file.write(json.dumps(_packed(entry)).encode() + b"\n")
            rows = file.seal()
        faults = [each if isinstance(each, Fault) else Fault(each) for each in problems]
        manifest = {
            "format": _FORMAT,
            "source": source.name,
            "fields": {name: _spec(fields[name]) for name in fields},
            "segments": [
                {"field": each.field, "count": each.count, "present": _text(each.present), **_seal_text(each.sealed)}
                for each in segments
            ],
            "rows": _seal_text(rows),
            "problems": [{**asdict(each.problem), "stamp": each.stamp} for each in faults],
        }
        with DurableFile(temporary / "manifest.json") as file:
            file.write(json.dumps(manifest).encode())
            file.seal()
        fsync_folder(temporary)
        os.replace(temporary, folder / (name + _ENDING))
        fsync_folder(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder / (name + _ENDING)


def list_parcels(collection: Path) -> list[Path]:
    """The whole parcels that wait, in the order of their names."""
    return sorted((collection / INCOMING).glob("*" + _ENDING))


def read_parcel(path: Path, fields: Mapping[str, Field]) -> Parcel:
    """Read and check every byte of a parcel. DamagedError, or FingerprintError where its encoder is another."""
    try:
        manifest = json.loads((path / "manifest.json").read_bytes())
        if manifest["format"] > _FORMAT:
            raise UsageError(f"{path} was written by a newer Fieldglass.", hint="pip install --upgrade fieldglass")
        segments = [
            SegmentRow(each["field"], 0, each["count"], 0, _sealed(each), _bytes(each["present"]))
            for each in manifest["segments"]
        ]
        check_whole(path / "rows.jsonl", _sealed(manifest["rows"]))
        entries = [_unpacked(json.loads(line)) for line in (path / "rows.jsonl").read_bytes().splitlines()]
        faults = [Fault(_problem(each), each["stamp"]) for each in manifest["problems"]]
    except FieldglassError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is not a whole parcel: {error}.", hint="Let its worker write it again.") from error
    for name, spec in manifest["fields"].items():
        if name not in fields or _spec(fields[name]) != spec:
            raise FingerprintError(
                f"{path} has vectors of another encoder for field {name!r}.",
                hint="Let its worker use the encoder of the collection, and remove the parcel.",
            )
    for each in segments:
        check_whole(path / file_name(0, each.field), each.sealed)
        if each.count != len(entries):
            raise DamagedError(f"{path} has {each.count} rows of {each.field!r} for {len(entries)} items.")
    return Parcel(path, manifest["source"], manifest["fields"], Rows.of(entries), segments, faults)


def link_files(collection: Path, parcel: Parcel, number: int) -> list[SegmentRow]:
    """Give the files of a parcel their names in `segments/`; the parcel keeps its own until it is committed."""
    rows = []
    for each in parcel.segments:
        old = parcel.path / file_name(0, each.field)
        new = collection / FOLDER / file_name(number, each.field)
        try:
            os.link(old, new)
        except OSError:  # no hard links here: copy, durably
            with open(old, "rb") as content, DurableFile(new) as file:
                while part := content.read(1 << 20):
                    file.write(part)
                file.seal()
        rows.append(SegmentRow(each.field, each.start, each.count, number, each.sealed, each.present))
    fsync_folder(collection / FOLDER)
    return rows


def _spec(field: Field) -> dict[str, Any]:
    return {"fingerprint": field.fingerprint, "dim": field.dim, "rows": field.rows, "dtype": field.dtype}


def _packed(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.item.id,
        "paths": list(entry.item.paths),
        "locator": dict(entry.item.locator),
        "groups": dict(entry.item.groups),
        "metadata": {name: _cell(value) for name, value in entry.metadata.items()},
        "measured": {name: _cell(value) for name, value in entry.measured.items()},
        "stamp": entry.stamp,
        "content_hash": entry.content_hash,
        "metadata_hash": entry.metadata_hash,
    }


def _unpacked(row: Mapping[str, Any]) -> Entry:
    metadata = {name: _value(cell) for name, cell in row["metadata"].items()}
    item = Item(row["id"], tuple(row["paths"]), row["locator"], metadata, row["groups"])
    measured = {name: _value(cell) for name, cell in row.get("measured", {}).items()}
    return Entry(item, row["stamp"], row["content_hash"], metadata, row["metadata_hash"], measured=measured)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _value(cell: Any) -> Any:
    if isinstance(cell, dict):
        return datetime.fromisoformat(cell["datetime"]) if "datetime" in cell else date.fromisoformat(cell["date"])
    return cell


def _problem(row: Mapping[str, Any]) -> Problem:
    return Problem(row["subject"], row["code"], row["message"], tuple(row["paths"]), row["severity"])


def _seal_text(sealed: Sealed) -> dict[str, Any]:
    return {"bytes": sealed.size, "head": sealed.head, "blocks": _text(sealed.blocks)}


def _sealed(row: Mapping[str, Any]) -> Sealed:
    return Sealed(row["bytes"], row["head"], _bytes(row["blocks"]) or b"")


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value)

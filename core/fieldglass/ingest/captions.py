"""Captions from a file, stored with the items: one metadata column for each, and a field of its vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fieldglass.errors import LoaderError

if TYPE_CHECKING:
    from fieldglass.store import Store

__all__ = ["Captioned", "caption_columns", "read_captions", "store_captions"]

_IDS = ("id", "candidate", "image", "file", "path")
_TEXTS = ("captions", "caption", "text")


@dataclass
class Captioned:
    """How many items got captions, the columns that hold them, and how many rows had no item."""

    items: int = 0
    columns: tuple[str, ...] = ()
    unmatched: int = 0


def caption_columns(count: int, column: str = "caption") -> tuple[str, ...]:
    """`caption`, `caption2`, `caption3` ..."""
    return tuple(column if number == 1 else f"{column}{number}" for number in range(1, count + 1))


def read_captions(path: Path, bad: list[str]) -> Iterator[tuple[str, list[str]]]:
    """(id, captions) of a JSONL file, or of a JSON list as WeiMoCIR's authors publish; bad rows are told in `bad`.

    A row is {"id": ..., "captions": [...]} or has `candidate`, `image`, `file` or `path` for the id, and `caption`
    or `text` for one caption. Blank captions are left out. LoaderError where the file cannot be read at all.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LoaderError(f"{str(path)!r} cannot be read: {error}.") from error
    rows = _listed(path, text) if text.lstrip().startswith("[") else _lined(text, bad)
    for where, row in rows:
        found = _row(row)
        if found is None:
            bad.append(f"{where}: no id ({', '.join(_IDS)}) with captions ({', '.join(_TEXTS)}).")
        else:
            yield found


def store_captions(store: Store, captions: Mapping[str, list[str]], column: str = "caption") -> Captioned:
    """Put captions into columns; ids match as they are, else by file name without folder and suffix where one fits.

    Columns of captions that an item no longer has are emptied.
    """
    snapshot = store.snapshot()
    known = snapshot.ids(snapshot.live_positions())
    exact, stems = set(known), _stems(known)
    most = max((len(each) for each in captions.values()), default=0)
    held = [name for name in caption_columns(1000, column) if name in snapshot.columns]
    names = caption_columns(max(most, len(held)), column)
    done = Captioned(columns=caption_columns(most, column))
    rows: dict[str, dict[str, str | None]] = {}
    for name, texts in captions.items():
        id = name if name in exact else stems.get(PurePosixPath(name).stem, "")
        if not id:
            done.unmatched += 1
            continue
        rows[id] = {column: texts[at] if at < len(texts) else None for at, column in enumerate(names)}
    with store.writer("caption import") as writer:
        done.items = writer.put_metadata(rows.items()).changed
    return done


def _stems(ids: list[str]) -> dict[str, str]:
    """Items by file name without folder and suffix; a name that two share stands for neither."""
    found: dict[str, str] = {}
    for id in ids:
        stem = PurePosixPath(id).stem
        found[stem] = "" if stem in found else id
    return found


def _listed(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise LoaderError(f"{str(path)!r} is not sound JSON: {error}.", hint="It may be truncated.") from error
    for number, row in enumerate(rows, 1):
        yield f"Row {number}", row


def _lined(text: str, bad: list[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield f"Line {number}", json.loads(line)
        except ValueError as error:
            bad.append(f"Line {number}: not sound JSON: {error}.")


def _row(row: Any) -> tuple[str, list[str]] | None:
    if not isinstance(row, dict):
        return None
    id = next((row[name] for name in _IDS if isinstance(row.get(name), str | int)), None)
    texts = next((row[name] for name in _TEXTS if isinstance(row.get(name), str | list)), None)
    if id is None or texts is None:
        return None
    listed = [texts] if isinstance(texts, str) else texts
    kept = [" ".join(each.split()) for each in listed if isinstance(each, str) and each.strip()]
    return (str(id), kept) if kept else None

"""Sessions to train on: turns of a reference and a text, and the item that was looked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass.errors import LoaderError

__all__ = ["Spoken", "read_sessions"]

LIMIT = 1 << 30  # bytes


@dataclass(frozen=True)
class Spoken:
    """(reference, text) of each turn, the first first; a reference may be "", but then there is a text."""

    turns: tuple[tuple[str, str], ...]
    target: str


def read_sessions(path: Path) -> Iterator[Spoken]:
    """Of JSON lines {"turns": [{"reference": id, "text": ...}, ...], "target": id}, or of a file of Multi-turn
    FashionIQ, a JSON list of {"target": [url, id], "reference": [[url, [caption, caption], id], ...]}.

    LoaderError names the first session that is not whole.
    """
    try:
        if path.stat().st_size > LIMIT:
            raise LoaderError(f"{path} has more than {LIMIT >> 20} MiB.")
        text = path.read_text(encoding="utf-8-sig")
        whole = json.loads(text) if text.lstrip().startswith("[") else None
        rows = whole if whole is not None else [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise LoaderError(f"{path} cannot be read as sessions: {error}.") from None
    for number, row in enumerate(rows, 1):
        try:
            found = _published(row) if isinstance(row["target"], list) else _plain(row)
        except (LookupError, TypeError, ValueError) as error:
            raise LoaderError(
                f"{path}: session {number} is not whole: {error or 'no turn'}.",
                hint='One is {"turns": [{"reference": ID, "text": TEXT}], "target": ID}.',
            ) from None
        yield found


def _plain(row: dict[str, Any]) -> Spoken:
    turns = tuple((_text(turn.get("reference") or ""), _text(turn.get("text") or "")) for turn in row["turns"])
    return _whole(turns, _text(row["target"]))


def _published(row: dict[str, Any]) -> Spoken:
    turns = tuple(
        (_text(id), " and ".join(said for each in captions if (said := " ".join(_text(each).split()))))
        for _, captions, id in row["reference"]
    )
    return _whole(turns, _text(row["target"][1]))


def _whole(turns: tuple[tuple[str, str], ...], target: str) -> Spoken:
    if not turns or not target or any(not (reference or text.strip()) for reference, text in turns):
        raise ValueError("a turn or the target is empty")
    return Spoken(turns, target)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value

"""Turns to JSON and back; whatever is not as it was written is refused with the place where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from fieldglass.errors import FormatError, UsageError
from fieldglass.session.turn import Given, Turn
from fieldglass.types import QueryImage, QueryText

if TYPE_CHECKING:
    from fieldglass.session.pictures import Pictures

__all__ = ["RISKY", "Saved", "decoded", "encoded"]

FORMAT, VERSION = "fieldglass-session", 1
RISKY = re.compile(r"llm_|url|key|token|://|weights", re.IGNORECASE)  # options that would reach beyond the collection
MOST = {"turns": 10_000, "texts": 1_000, "images": 10_000, "shown": 100_000, "exclude": 1_000_000}
LONGEST = 100_000  # characters of a sentence or an id

_TEXT_ROLES = get_args(get_type_hints(QueryText)["role"])
_IMAGE_ROLES = get_args(get_type_hints(QueryImage, localns={"Item": object, "Sample": object})["role"])


@dataclass(frozen=True)
class Saved:
    """What a file holds. `home` names the collection."""

    home: Mapping[str, str]
    updater: str
    options: Mapping[str, Any]
    k: int
    hide_rejected: bool
    exclude: tuple[str, ...]
    exclude_group: str | None
    rerank: str | None
    collapse: str | None
    turns: tuple[Turn, ...]
    undone: tuple[Turn, ...]


def encoded(saved: Saved, pictures: Pictures) -> str:
    """UsageError where a turn holds what JSON cannot: a filter that is an object."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "collection": dict(saved.home),
        "updater": {"name": saved.updater, "options": dict(saved.options)},
        "k": saved.k,
        "hide_rejected": saved.hide_rejected,
        "exclude": list(saved.exclude),
        "exclude_group": saved.exclude_group,
        "rerank": saved.rerank,
        "collapse": saved.collapse,
        "turns": [_written(turn, pictures) for turn in saved.turns],
        "undone": [_written(turn, pictures) for turn in saved.undone],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _written(turn: Turn, pictures: Pictures) -> dict[str, Any]:
    if turn.where is not None and not isinstance(turn.where, str):
        raise UsageError(
            f"A session with the filter object {type(turn.where).__name__} cannot be saved.", hint="Filter by SQL."
        )
    return {
        "texts": [{"text": each.text, "role": each.role, "weight": each.weight} for each in turn.texts],
        "images": [pictures.written(each) for each in turn.pictures],
        "place": list(turn.place) if turn.place is not None else None,
        "where": turn.where,
        "question": turn.question,
        "answer": turn.answer,
        "shown": [list(each) for each in turn.shown],
    }


def decoded(text: str, name: str, pictures: Pictures) -> Saved:
    """UsageError or FormatError (a newer version) for anything but what `encoded` wrote."""
    try:
        content = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON: {error}.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f"{name} is no session of Fieldglass.", hint="Sessions are written by `save`.")
    version = content.get("version")
    if not isinstance(version, int) or version < 1:
        raise UsageError(f"{name} has no version: that is no session.")
    if version > VERSION:
        raise FormatError(f"{name} was written by a newer Fieldglass (version {version}).", hint="Upgrade fieldglass.")
    return _Reader(name, pictures).saved(content)


def _no_number(value: str) -> Any:
    raise ValueError(f"{value} is no number")


class _Reader:
    """Every value is looked at before it is used; `where` tells the place of a wrong one."""

    def __init__(self, name: str, pictures: Pictures) -> None:
        self.name, self.pictures = name, pictures

    def saved(self, content: dict[str, Any]) -> Saved:
        home = self.of(content, "collection", dict)
        updater = self.of(content, "updater", dict)
        options = self.of(updater, "options", dict)
        for key, value in options.items():
            if RISKY.search(f"{key}={value}"):
                self.wrong(f"the option {key!r} of the updater is not taken from a file: give it again")
            if not isinstance(value, str | int | float | bool | None):
                self.wrong(f"the option {key!r} of the updater is no plain value")
        k = self.of(content, "k", int)
        if not 1 <= k <= 1_000_000:
            self.wrong(f"k is {k}")
        return Saved(
            {key: self.of(home, key, str) for key in ("path", "identity", "field", "encoder", "fingerprint")},
            self.of(updater, "name", str),
            options,
            k,
            self.of(content, "hide_rejected", bool),
            tuple(self.string(each) for each in self.listed(content, "exclude")),
            self.optional(content, "exclude_group"),
            self.optional(content, "rerank"),
            self.optional(content, "collapse"),
            tuple(self.turn(each) for each in self.listed(content, "turns")),
            tuple(self.turn(each) for each in self.listed(content, "undone", "turns")),
        )

    def turn(self, row: Any) -> Turn:
        if not isinstance(row, dict):
            self.wrong("a turn is no object")
        return Turn(
            tuple(self.text(each) for each in self.listed(row, "texts")),
            tuple(self.picture(each) for each in self.listed(row, "images")),
            self.place(row.get("place")),
            self.optional(row, "where"),
            self.of(row, "question", str),
            self.of(row, "answer", str),
            tuple(self.hit(each) for each in self.listed(row, "shown")),
        )

    def text(self, row: Any) -> QueryText:
        role = self.role(row, _TEXT_ROLES)
        return QueryText(self.string(row.get("text")), role, self.number(row.get("weight")))

    def picture(self, row: Any) -> Given:
        role = self.role(row, _IMAGE_ROLES)
        weight = self.number(row.get("weight"))
        item = self.optional(row, "item")
        if isinstance(row.get("id"), str):
            id = self.string(row["id"])
            return self.pictures.indexed(QueryImage(id=id, role=role, weight=weight))
        for key in ("path", "sha256", "file", "pixels"):
            if row.get(key) is not None:
                self.string(row[key], longest=None)
        if not any(row.get(key) for key in ("path", "file", "pixels")):
            self.wrong("a picture has neither id, path, file nor pixels")
        return self.pictures.read(row, self.string(row.get("name")), role, weight, item)

    def role(self, row: Any, known: tuple[str, ...]) -> Any:
        if not isinstance(row, dict) or row.get("role") not in known:
            self.wrong(f"a text or a picture has none of the roles {', '.join(known)}")
        return row["role"]

    def hit(self, row: Any) -> tuple[str, float]:
        if not isinstance(row, list) or len(row) != 2:
            self.wrong("a shown hit is not [id, score]")
        return self.string(row[0]), self.number(row[1])

    def place(self, value: Any) -> tuple[float, float] | None:
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2:
            self.wrong("a place is not [latitude, longitude]")
        return self.number(value[0]), self.number(value[1])

    def number(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self.wrong(f"{value!r} is not a number")
        return float(value)

    def string(self, value: Any, longest: int | None = LONGEST) -> str:
        if not isinstance(value, str) or (longest is not None and len(value) > longest):
            self.wrong(f"a text is expected, not {str(value)[:40]!r}")
        return str(value)

    def optional(self, row: dict[str, Any], key: str) -> str | None:
        return None if row.get(key) is None else self.string(row[key])

    def listed(self, row: dict[str, Any], key: str, limit: str = "") -> list[Any]:
        found: list[Any] = self.of(row, key, list)
        if len(found) > MOST[limit or key]:
            self.wrong(f"{key!r} has {len(found)} entries")
        return found

    def of(self, row: dict[str, Any], key: str, kind: type) -> Any:
        value = row.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.wrong(f"{key!r} is not a {kind.__name__}")
        return self.string(value) if kind is str else value

    def wrong(self, what: str) -> None:
        raise UsageError(f"{self.name} cannot be used: {what}.", hint="Sessions are written by `save`.")

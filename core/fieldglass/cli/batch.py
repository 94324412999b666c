"""Reads many queries from a table and answers them together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.cli.query import place_of, rules
from fieldglass.errors import QueryError, UsageError
from fieldglass.loaders.rows import BadRow, read_rows

if TYPE_CHECKING:
    from fieldglass.asking import Question
    from fieldglass.collection import Collection
    from fieldglass.result import SearchResult

__all__ = ["answer_file", "json_lines"]

_COLUMNS = {
    "id", "image", "like", "text", "domain", "description", "not_image", "not_like", "not_text", "place", "where"
}  # fmt: skip


def answer_file(
    collection: Collection, path: Path, options: Mapping[str, Any], how: Mapping[str, Any]
) -> list[tuple[str, SearchResult]]:
    """The `id` of each query of the file (its number where it has none) and its result, in order.

    Columns: id, image, like, text, domain, description, not_image, not_like, not_text, place, where; a JSONL value may
    be a list.
    Pictures are relative to the file. A filter of the row stands for the --where of the options; areas hold for all.
    """
    rows = _rows(path)
    questions = [_question(collection, row, number, path, options) for number, row in enumerate(rows, 1)]
    results = collection.answer(questions, **how) if questions else []
    return [(question.query.id, result) for question, result in zip(questions, results, strict=True)]


def json_lines(answers: Sequence[tuple[str, SearchResult]]) -> str:
    """One line per query: `query`, then what `search --format json` prints."""
    return "".join(
        json.dumps({"query": id, **result.to_dict()}, ensure_ascii=False, allow_nan=False, default=str) + "\n"
        for id, result in answers
    )


def _question(
    collection: Collection, row: Mapping[str, Any], number: int, path: Path, options: Mapping[str, Any]
) -> Question:
    unknown = row.keys() - _COLUMNS
    if unknown:
        raise UsageError(
            f"{path}, query {number}: no column {sorted(unknown)[0]!r}.",
            hint=f"Columns: {', '.join(sorted(_COLUMNS))}.",
        )
    stripped: dict[str, Any] = {name: value.strip() if isinstance(value, str) else value for name, value in row.items()}
    given = {name: value for name, value in stripped.items() if value not in (None, "", [])}
    if not given.keys() & {"image", "like", "text", "domain", "place"}:
        raise QueryError(f"{path}, query {number} asks nothing.", hint="Give it an image, like, text or place.")
    for name in ("image", "not_image"):
        if name in given:
            several = given[name] if isinstance(given[name], list) else [given[name]]
            given[name] = [path.resolve().parent / Path(each).expanduser() for each in several]
    place = given.pop("place", None)
    limits = rules(options)
    if "where" in given:
        limits["where"] = [given.pop("where"), *limits["where"][1:]]
    id = str(given.pop("id", number))
    try:
        return collection.ask(**given, **limits, id=id, place=place_of(place) if isinstance(place, str) else place)
    except QueryError as error:
        raise QueryError(f"{path}, query {number}: {error.message}", hint=error.hint) from error


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r} of queries.")
    found = []
    for row in read_rows(path):
        if isinstance(row, BadRow):
            raise UsageError(f"{path}, line {row.line}: {row.reason}.")
        found.append(row.cells)
    return found

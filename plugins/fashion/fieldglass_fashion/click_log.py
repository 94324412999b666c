"""A shop's click log as a benchmark in CIRR's layout: what was shown, what was asked for, what was clicked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.benchmarks.official import text_of
from fieldglass.errors import UsageError
from fieldglass.loaders.rows import BadRow, column_names, read_rows, require_column
from fieldglass.models.cache import write_atomic

if TYPE_CHECKING:
    from fieldglass.collection import Collection

__all__ = ["Exported", "export_clicks"]

COLUMNS = ("reference", "text", "target")

_MEMBERS = 6  # of a group of CIRR, the reference and the target among them
_ADVICE = "A click log has the columns reference, text, target, and perhaps shown (ids parted by |)."
_PERSONAL = re.compile(r"[^@\s]+@[^@\s]+\.\w+|(?:\d[\s/()-]?){8,}")


@dataclass(frozen=True)
class Exported:
    """`pairs` written of `rows`, how many rows were `rejected` and why, and how many groups have fewer than six."""

    rows: int
    pairs: int
    pictures: int
    short: int
    rejected: Mapping[str, int] = field(default_factory=dict)


def export_clicks(log: Path, collection: Collection, to: Path, *, split: str = "val", least: int = 1) -> Exported:
    """Write `captions/cap.rc2.{split}.json` and `image_splits/split.rc2.{split}.json` below `to`.

    :param log: CSV, TSV, JSONL or Parquet: `reference` (the product that was looked at), `text` (what was typed then),
        `target` (what was clicked), and perhaps `shown`, the hits that stood beside it, parted by "|".
    :param collection: where the pictures are; the gallery is the whole of it.
    :param least: clicks that a pair needs.

    No other column leaves the log. A row that cannot be used is a line of `rejected.jsonl` with its reason, without
    its text where that may name a person. Read it with `fieldglass eval cirr --root TO --set images=FOLDER`.
    """
    names = column_names(log)
    for name in COLUMNS:
        require_column(log, name, names, _ADVICE)
    if least < 1 or not re.fullmatch(r"val|train", split):
        raise UsageError("A split is val or train, and a pair needs one click at least.")
    paths = dict(_paths(collection))
    clicks: Counter[tuple[str, str, str]] = Counter()
    beside: dict[tuple[str, str, str], list[str]] = {}
    rejected: list[dict[str, Any]] = []
    rows = 0
    for row in read_rows(log):
        rows += 1
        reason = row.reason if isinstance(row, BadRow) else _fault(row.cells, paths)
        if reason or isinstance(row, BadRow):
            rejected.append({"line": row.line, "reason": reason})
            continue
        pair = (_cell(row.cells, "reference"), text_of(row.cells["text"]), _cell(row.cells, "target"))
        clicks[pair] += 1
        seen = beside.setdefault(pair, [])
        seen += [each for each in _shown(row.cells) if each in paths and each not in (*seen, pair[0], pair[2])]
    rejected += [
        {"reference": reference, "target": target, "reason": f"clicked {count} times, not {least}"}
        for (reference, _, target), count in clicks.items()
        if count < least
    ]
    kept = [pair for pair, count in clicks.items() if count >= least]
    if not kept:
        raise UsageError(f"No row of {log.name} can be used.", hint=f"{rejected[0]}" if rejected else _ADVICE)
    pairs = [_pair(number, pair, beside[pair]) for number, pair in enumerate(kept)]
    _write(to / "captions" / f"cap.rc2.{split}.json", json.dumps(pairs, ensure_ascii=False))
    _write(to / "image_splits" / f"split.rc2.{split}.json", json.dumps(paths, ensure_ascii=False))
    _write(to / "rejected.jsonl", "".join(json.dumps(each) + "\n" for each in rejected))
    short = sum(len(pair["img_set"]["members"]) < _MEMBERS for pair in pairs)
    why = Counter(re.sub(r"'.*'|\d+", "...", str(each["reason"])) for each in rejected)
    return Exported(rows, len(pairs), len(paths), short, dict(why))


def _paths(collection: Collection) -> Iterator[tuple[str, str]]:
    snapshot = collection.store.snapshot()
    for _, item in snapshot.items(snapshot.live_positions()):
        if item.paths:
            yield item.id, f"./{item.paths[0]}"


def _fault(cells: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """Why a row cannot be used; "" where it can."""
    reference, target, text = _cell(cells, "reference"), _cell(cells, "target"), text_of(cells.get("text") or "")
    for what, name in (("reference", reference), ("target", target)):
        if name not in known:
            return f"{what} {name[:60]!r} is not in the collection"
    if not text:
        return "its text is blank"
    if _PERSONAL.search(text):
        return "its text may name a person"
    return "the reference itself was clicked" if reference == target else ""


def _pair(number: int, pair: tuple[str, str, str], beside: list[str]) -> dict[str, Any]:
    reference, text, target = pair
    members = [reference, target, *beside[: _MEMBERS - 2]]
    return {
        "pairid": number,
        "reference": reference,
        "target_hard": target,
        "target_soft": {target: 1.0},
        "caption": text,
        "img_set": {"id": number, "members": members, "reference_rank": 0, "target_rank": 1},
    }


def _cell(cells: Mapping[str, Any], name: str) -> str:
    return str(cells.get(name) if cells.get(name) is not None else "").strip()


def _shown(cells: Mapping[str, Any]) -> list[str]:
    given = cells.get("shown")
    parts = given if isinstance(given, list) else str(given or "").split("|")
    return [str(each).strip() for each in parts if str(each).strip()]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text.encode())
    if not path.is_file():
        raise UsageError(f"{path} cannot be written.", hint="Check the folder and its free space.")

"""Pairs in, texts and rejected pairs out, gone on with where it was stopped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fieldglass.errors import LoaderError, UsageError
from fieldglass_fashion.captioning.describers import Describer
from fieldglass_fashion.captioning.difference import acceptable, difference

__all__ = ["REASONS", "Done", "caption_pairs", "read_pairs"]

REASONS = {
    "undescribed": "the answer describes no garment",
    "same": "both are described alike",
    "no-sentence": "the answer is no sentence of use",
    "text-alone": "the text finds the target without the reference",
}
_AT_A_TIME = 32

Pair = tuple[str, str]


@dataclass
class Done:
    """How many pairs have a text, how many were done before, and how many were rejected for each reason."""

    written: int = 0
    before: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All pairs that are done."""
        return self.written + self.before + self.rejected.total()


def caption_pairs(
    pairs: Iterable[Pair],
    out: Path,
    describer: Describer,
    *,
    found_alone: Callable[[str], str] | None = None,
    progress: Callable[[Done], None] | None = None,
) -> Done:
    """Append {"reference", "text", "target", "how"} to `out`, and what was rejected to `rejected_of(out)`.

    Pairs that are in one of the files are passed over. Descriptions lie beside them, so that each picture is
    described once. Every line is whole or not there. EndpointError leaves what was done.

    :param found_alone: the id that a text alone finds first; a pair whose target that is, is rejected.
    """
    done = Done()
    known = {pair for path in (out, rejected_of(out)) for pair in _pairs_in(path)}
    shelf = _Shelf(out.with_name(f"{out.stem}.descriptions.jsonl"), describer)
    todo: list[Pair] = []
    for pair in dict.fromkeys(pairs):
        if pair in known:
            done.before += 1
        else:
            todo.append(pair)
    with (
        _Lines(out) as texts,
        _Lines(rejected_of(out)) as rejected,
        shelf,
        ThreadPoolExecutor(describer.threads) as pool,
    ):
        for start in range(0, len(todo), _AT_A_TIME):
            some = todo[start : start + _AT_A_TIME]
            for pair, answer in zip(some, pool.map(lambda each: _one(each, shelf), some), strict=True):
                text, reason, said = answer
                if not reason and found_alone is not None and found_alone(text) == pair[1]:
                    reason, said = "text-alone", text
                row: dict[str, Any] = {"reference": pair[0], "target": pair[1]}
                if reason:
                    rejected.add({**row, "reason": reason, "said": said, "how": describer.how})
                    done.rejected[reason] += 1
                else:
                    texts.add({**row, "text": text, "how": describer.how})
                    done.written += 1
                if progress is not None:
                    progress(done)
    return done


def rejected_of(out: Path) -> Path:
    """Where rejected pairs go."""
    return out.with_name(f"{out.stem}.rejected.jsonl")


def read_pairs(path: Path) -> Iterator[Pair]:
    """`reference` and `target` of a CSV, TSV or JSONL file, as `fieldglass fashion pairs` writes it. LoaderError."""
    from fieldglass.loaders.rows import BadRow, column_names, read_rows, require_column

    names = column_names(path)
    for name in ("reference", "target"):
        require_column(path, name, names, "A file of pairs has the columns reference and target.")
    for row in read_rows(path):
        if isinstance(row, BadRow):
            raise LoaderError(f"{path}, line {row.line}: {row.reason}")
        pair = str(row.cells.get("reference") or "").strip(), str(row.cells.get("target") or "").strip()
        if not all(pair):
            raise LoaderError(f"{path}, line {row.line}: reference or target is empty.")
        yield pair


def _one(pair: Pair, shelf: _Shelf) -> tuple[str, str, str]:
    """(text, "", "") or ("", reason, what was said)."""
    reference = shelf.described(pair[0], None)
    target = shelf.described(pair[1], reference) if reference else {}
    if not reference or not target:
        return "", "undescribed", pair[0] if not reference else pair[1]
    if not difference(reference, target):
        return "", "same", json.dumps(reference, ensure_ascii=False)
    text = shelf.describer.tell(reference, target)
    return (text, "", "") if acceptable(text) else ("", "no-sentence", text[:1000])


class _Shelf:
    """Descriptions by id, kept in a file; those made beside a reference belong to the pair alone."""

    def __init__(self, path: Path, describer: Describer) -> None:
        self.describer = describer
        self._alone = getattr(describer, "stages", "") != "good4cir"
        rows = (row for row in _rows(path) if row.get("how") == describer.how)
        self._kept = {row["id"]: row["attributes"] for row in rows if isinstance(row.get("attributes"), dict)}
        self._lines = _Lines(path)

    def __enter__(self) -> _Shelf:
        self._lines.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.__exit__()

    def described(self, id: str, beside: dict[str, str] | None) -> dict[str, str]:
        """From the file, or by asking."""
        shared = self._alone or beside is None
        if shared and id in self._kept:
            return dict(self._kept[id])
        found = self.describer.describe(id, beside)
        if shared and found:
            self._kept[id] = found
            self._lines.add({"id": id, "attributes": found, "how": self.describer.how})
        return found


class _Lines:
    """A file of JSON lines that is added to; half a line at its end, of a run that was killed, is taken off."""

    def __init__(self, path: Path) -> None:
        from threading import Lock

        self._path, self._lock = path, Lock()

    def __enter__(self) -> _Lines:
        try:
            self._file = self._path.open("ab+")
        except OSError as error:
            raise UsageError(f"{self._path} cannot be written: {error.strerror or error}.") from error
        self._file.seek(0)
        content = self._file.read()
        if content and not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, row: dict[str, Any]) -> None:
        """One line, handed to the system at once."""
        with self._lock:
            self._file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
            self._file.flush()


def _rows(path: Path) -> Sequence[dict[str, Any]]:
    """The whole lines of a file of ours. LoaderError where one is not of JSON: the file is something else."""
    if not path.is_file():
        return []
    found = []
    lines = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise LoaderError(f"{path}, line {number}: no JSON object.", hint="Name another file with --out.")
        found.append(row)
    return found


def _pairs_in(path: Path) -> Iterator[Pair]:
    for number, row in enumerate(_rows(path), 1):
        pair = row.get("reference"), row.get("target")
        if not all(isinstance(each, str) for each in pair):
            raise LoaderError(f"{path}, line {number}: no pair.", hint="Name another file with --out.")
        yield str(pair[0]), str(pair[1])

"""Reads the rows of CSV, TSV, JSONL and Parquet files: streamed, bounded, with line numbers.

A row that cannot be read is a `BadRow` and the next one follows; only a table that cannot be read
at all is a LoaderError. A quoted field that never closes costs its own line, not the rest of the file.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fieldglass.errors import LoaderError, MissingExtraError

__all__ = ["BadRow", "Row", "column_names", "decimals_of", "read_rows", "require_column"]

MAX_LINE = 1 << 20  # characters; a longer line is a bad row
MAX_BAD = 1000  # bad rows of one table before it is given up
_DELIMITERS = ",;\t|"
_DECLARED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # a first line by which Excel is told the delimiter
_TEXT = (".csv", ".txt")
_TABBED = (".tsv", ".tab")


@dataclass(frozen=True)
class Row:
    """One row: its line (or row number, from 1, in Parquet) and its cells, text where the format has no types."""

    line: int
    cells: dict[str, Any]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read, and why."""

    line: int
    reason: str


def read_rows(path: Path, *, encoding: str = "utf-8", delimiter: str = "") -> Iterator[Row | BadRow]:
    """The rows of a table, by its suffix: .csv, .tsv, .txt; .jsonl, .ndjson; .parquet."""
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            found = _parquet(path)
        elif suffix in (".jsonl", ".ndjson"):
            found = _jsonl(path, encoding)
        elif suffix in _TEXT + _TABBED:
            found = _csv(path, encoding, delimiter or ("\t" if suffix in _TABBED else ""))
        else:
            raise LoaderError(f"{path.name!r} is not a table by its name.", hint="Use .csv, .tsv, .jsonl or .parquet.")
        bad = 0
        for row in found:
            bad += isinstance(row, BadRow)
            if bad > MAX_BAD:
                raise LoaderError(
                    f"{str(path)!r} has over {MAX_BAD} rows that cannot be read, the last at line {row.line}.",
                    hint="Check its quotes and its delimiter (--set delimiter=...).",
                )
            yield row
    except UnicodeError as error:
        raise LoaderError(
            f"{str(path)!r} is not {encoding}: {error}.", hint="Name its encoding, as in --set encoding=cp1252."
        ) from error
    except LookupError as error:
        raise LoaderError(f"There is no encoding {encoding!r}.") from error
    except OSError as error:
        if isinstance(error, LoaderError):
            raise
        raise LoaderError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error


def column_names(path: Path, *, encoding: str = "utf-8", delimiter: str = "") -> list[str]:
    """The columns of the first readable row, in order; [] for a table without rows."""
    for row in read_rows(path, encoding=encoding, delimiter=delimiter):
        if isinstance(row, Row):
            return list(row.cells)
    return []


def decimals_of(path: Path, *, encoding: str = "utf-8", delimiter: str = "", decimal: str = "") -> str:
    """The marks that numbers may have: `decimal`, or "." and, in a CSV with semicolons, "," too.

    Where the comma is the decimal mark, spreadsheets write semicolons between the cells.
    """
    if decimal not in ("", ".", ","):
        raise LoaderError(f"decimal={decimal!r} is neither . nor a comma.")
    if decimal:
        return decimal
    if path.suffix.lower() not in _TEXT:
        return "."
    try:
        with _open(path, encoding, "") as file:
            return ".," if _told(file.readline(MAX_LINE), delimiter) == ";" else "."
    except (OSError, UnicodeError, LookupError):  # whoever reads its rows will say so
        return "."


def require_column(path: Path, name: str, columns: Sequence[str], advice: str = "") -> None:
    """LoaderError with what there is where a table, unless it has no rows, lacks a column."""
    if columns and name not in columns:
        near = difflib.get_close_matches(name, columns, n=1)
        guess = f"Did you mean {near[0]!r}? " if near else ""
        hint = f"{guess}It has: {', '.join(columns)}. {advice.strip()}".rstrip()
        raise LoaderError(f"{path.name!r} has no column {name!r}.", hint=hint)


class _TooLong(Exception):
    pass


class _Lines:
    """The physical lines of a text file, bounded, of which those of a failed record can be read again."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.record: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._file.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) >= MAX_LINE and not line.endswith("\n"):
            while line and not line.endswith("\n"):
                line = self._file.readline(MAX_LINE)
            raise _TooLong
        self.record.append(line)
        return line

    def start(self) -> int:
        """Begin a record: its first line's number."""
        self.record = []
        return self.number + 1

    def retry(self) -> None:
        """Give up the first line of this record and read the others again."""
        rest = self.record[1:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)


def _open(path: Path, encoding: str, newline: str) -> IO[str]:
    """With the byte-order mark passed over; that of UTF-16, which spreadsheets write too, tells the encoding."""
    name = encoding
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        with open(path, "rb") as file:
            name = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    return open(path, encoding=name, newline=newline)


def _told(header: str, delimiter: str) -> str:
    return delimiter.replace("\\t", "\t") or max(_DELIMITERS, key=header.count)


def _csv(path: Path, encoding: str, delimiter: str) -> Iterator[Row | BadRow]:
    with _open(path, encoding, "") as file:
        lines = _Lines(file)
        header_line = file.readline(MAX_LINE)
        lines.number = 1
        declared = _DECLARED.fullmatch(header_line.strip())
        if declared:
            header_line, delimiter, lines.number = file.readline(MAX_LINE), delimiter or declared[1], 2
        if not header_line.strip():
            return
        delimiter = _told(header_line, delimiter)
        if len(delimiter) != 1:
            raise LoaderError(f"delimiter={delimiter!r} is not one character.")
        names = _unique(next(csv.reader([header_line], delimiter=delimiter)))
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            line = lines.start()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except _TooLong:
                yield BadRow(line, f"the line is longer than {MAX_LINE} characters")
            except csv.Error as error:
                lines.retry()
                yield BadRow(line, f"{error} (is a quote not closed?)")
            else:
                if len(cells) > len(names):
                    yield BadRow(line, f"it has {len(cells)} cells, the header {len(names)}")
                elif cells:
                    yield Row(line, dict(zip(names, cells, strict=False)))


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for place, raw in enumerate(names, start=1):
        name = raw.strip() or f"column{place}"
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def _jsonl(path: Path, encoding: str) -> Iterator[Row | BadRow]:
    with _open(path, encoding, "\n") as file:
        lines = _Lines(file)
        while True:
            number = lines.start()
            try:
                line = next(lines)
            except StopIteration:
                return
            except _TooLong:
                yield BadRow(number, f"the line is longer than {MAX_LINE} characters")
                continue
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRow(number, f"it is not JSON ({error})")
                continue
            if isinstance(cells, dict):
                yield Row(number, cells)
            else:
                yield BadRow(number, "it is not a JSON object")


def _parquet(path: Path) -> Iterator[Row | BadRow]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            "Reading Parquet needs pyarrow.", hint="pip install 'fieldglass[parquet]', or use a CSV file."
        ) from error
    try:
        number = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for cells in batch.to_pylist():
                    number += 1
                    yield Row(number, cells)
    except pa.ArrowException as error:
        raise LoaderError(f"{str(path)!r} is not a whole Parquet file: {error}.") from error

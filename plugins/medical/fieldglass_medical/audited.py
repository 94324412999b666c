"""What the catalogue of a collection says: its texts by column, the words of the software itself, and what is odd."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fieldglass_medical.columns import COLUMNS

__all__ = ["Finding", "cells", "own_words", "told_by"]

_ID = re.compile(r"(?:[^/]+/)?[0-9a-f]{32}(?:#frame=\d+)?")


@dataclass(frozen=True)
class Finding:
    """What is wrong: a stable code, and a sentence that quotes nothing of a patient. `where` is a file or a column."""

    code: str
    where: str
    message: str


def cells(path: Path) -> Iterator[tuple[str, bytes]]:
    """All text of each column of the catalogue as one run of bytes, since a page of the file may cut a string."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        labels = dict(database.execute("SELECT 'c' || key, name FROM column"))
        for (table,) in list(database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")):
            parts: dict[str, list[str]] = {}
            rows = database.execute(f'SELECT * FROM "{table}"')
            names = [each[0] for each in rows.description]
            for row in rows:
                for name, cell in zip(names, row, strict=True):
                    if isinstance(cell, str):
                        parts.setdefault(name, []).append(cell)
            for name, cells in parts.items():
                where = f"catalogue.sqlite, {table}.{labels.get(name, name) if table == 'item' else name}"
                yield where, "\n".join(cells).encode("utf-8", "surrogatepass")


def told_by(path: Path) -> list[Finding]:
    """What the catalogue's tables say of the collection."""
    findings: list[Finding] = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        wrong = sum(not _ID.fullmatch(row[0]) for row in database.execute("SELECT id FROM item"))
        loaders = [row[0] for row in database.execute("SELECT loader FROM source")]
        properties = dict(database.execute("SELECT * FROM property"))
        columns = {row[0] for row in database.execute("SELECT name FROM column WHERE annotated = 0")}
    if wrong and all(each.startswith("med/") for each in loaders):
        findings.append(Finding("audit-id", "catalogue.sqlite", f"{wrong} ids are no keyed hashes."))
    if properties.get("exclude_group") != "patient":
        said = "Items of one patient are hits of one another: exclude_group is not patient."
        findings.append(Finding("audit-same-patient", "catalogue.sqlite", said))
    strange = columns - COLUMNS
    if strange:
        said = f"{len(strange)} columns are not of the allow-list; another plugin or loader brought them."
        findings.append(Finding("audit-column", "catalogue.sqlite", said))
    return findings


def own_words(path: Path) -> str:
    """What the software itself writes, in lower case: names of tables, fields, encoders and columns, and of the journal
    the codes and sentences that stand in the code word for word."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        parts = [row[0] for row in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        for query in ("SELECT name, encoder, options FROM field", "SELECT name, type FROM column"):
            parts += [str(each) for row in database.execute(query) for each in row]
        parts += [row[0] for row in database.execute("SELECT loader FROM source")]
        parts += [row[0] for row in database.execute("SELECT name FROM property")]
        parts += [row[0] for row in database.execute("SELECT value FROM property WHERE name = 'notice'")]
        said = database.execute("SELECT code FROM journal UNION SELECT message FROM journal")
        code = "\n".join(each.read_text(encoding="utf-8") for each in Path(__file__).parent.rglob("*.py"))
        parts += [row[0] for row in said if row[0] in code]
    return "\n".join(parts).lower()

"""Sources and fields of a collection: what may be added, and what is refused."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from fieldglass.errors import FingerprintError, UnknownNameError, UsageError
from fieldglass.store.codec import check_spec
from fieldglass.store.records import Field, Source
from fieldglass.store.snapshot import read_fields, read_sources

__all__ = ["absolute", "add_field", "add_source", "move_source"]

_FIELD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def absolute(root: Path) -> Path:
    """A root with its links followed; the name that a private loader keeps for one ("private-...") as it is."""
    return root if root.parts == (root.name,) and root.name.startswith("private-") else root.resolve()


def add_source(
    connection: sqlite3.Connection, name: str, root: Path, loader: str, options: Mapping[str, Any]
) -> Source:
    """Inside a transaction: a new source, or the one of that name and root with the options of now."""
    if not name or "/" in name or not name.isprintable():
        raise UsageError(f"{name!r} cannot name a source.", hint="Use printable characters other than /.")
    known = read_sources(connection)
    text = json.dumps(dict(options))
    if name in known:
        same = known[name]
        if same.root != root:
            raise UsageError(
                f"Source {name!r} has the root {same.root}, not {root}.",
                hint=f"If it moved: fieldglass relocate COLLECTION {quote(name)} {quote(str(root))}. "
                "Else give the source another name.",
            )
        if same.loader != loader:
            raise UsageError(
                f"Source {name!r} is read by the loader {same.loader!r}, not {loader!r}.",
                hint=f"A folder is one source, with one loader. Go on with --loader {same.loader}, or take it into a "
                f"collection of its own: fieldglass index {quote(str(root))} --to ANOTHER.collection --loader {loader}",
            )
        connection.execute("UPDATE source SET options = ? WHERE name = ?", (text, name))
    else:
        _check_roots(root, known)
        _check_prefix(connection, name)
        connection.execute(
            "INSERT INTO source (name, root, loader, options) VALUES (?, ?, ?, ?)", (name, str(root), loader, text)
        )
    return read_sources(connection)[name]


def move_source(connection: sqlite3.Connection, name: str, root: Path) -> None:
    """Inside a transaction: the root of a source is elsewhere now."""
    known = read_sources(connection)
    if name not in known:
        raise UnknownNameError(f"There is no source {name!r}.", hint=f"Sources: {', '.join(known) or 'none'}.")
    if root.is_absolute() and not root.exists():  # a relative one is a name that a private loader made
        raise UsageError(f"{root} does not exist.")
    others = {other: source for other, source in known.items() if other != name}
    _drop_empty(connection, root, others)
    _check_roots(root, others)
    connection.execute("UPDATE source SET root = ? WHERE name = ?", (str(root), name))


def _drop_empty(connection: sqlite3.Connection, root: Path, others: dict[str, Source]) -> None:
    """Forget sources there whose items are all removed: a moved folder was taken for another. The first one stays."""
    for source in list(others.values()):
        if source.key == 1 or not _overlap(root, source.root):
            continue
        if connection.execute("SELECT 1 FROM item WHERE source = ? LIMIT 1", (source.key,)).fetchone() is None:
            connection.execute("DELETE FROM journal WHERE source = ?", (source.key,))
            connection.execute("DELETE FROM source WHERE key = ?", (source.key,))
            del others[source.name]


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def add_field(connection: sqlite3.Connection, field: Field) -> None:
    """Inside a transaction: a new kind of vector; nothing where it is there already. FingerprintError for another."""
    if not _FIELD_NAME.fullmatch(field.name):
        raise UsageError(f"{field.name!r} cannot name a field.", hint="Use letters, digits, - and _.")
    check_spec(field)
    known = read_fields(connection).get(field.name)
    if known is None:
        columns = (field.dim, field.rows, field.dtype, field.reduce, field.origin)
        connection.execute(
            "INSERT INTO field (name, encoder, options, fingerprint, dim, rows, dtype, reduce, origin) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (field.name, field.encoder, json.dumps(dict(field.options)), field.fingerprint, *columns),
        )
    elif _shape(field) != _shape(known):
        raise FingerprintError(
            f"Field {field.name!r} holds vectors of {known.encoder} ({known.fingerprint}), "
            f"not of {field.encoder} ({field.fingerprint}).",
            hint=f"Index anew: fieldglass index SOURCE --to ANOTHER.collection --encoder {field.encoder}",
        )


def _shape(field: Field) -> tuple[str, int, int, str]:
    return field.fingerprint, field.dim, field.rows, field.dtype


def _check_roots(root: Path, known: Mapping[str, Source]) -> None:
    for other in known.values():
        if _overlap(root, other.root):
            raise UsageError(
                f"{root} overlaps with {other.root}, the root of source {other.name!r}.",
                hint="Index the outer folder as one source, or put the other into a collection of its own.",
            )


def _check_prefix(connection: sqlite3.Connection, name: str) -> None:
    """The ids of a later source begin with `name/`, which must not be a folder of the first."""
    found = connection.execute("SELECT id FROM item WHERE id >= ? AND id < ? LIMIT 1", (f"{name}/", f"{name}0"))
    row = found.fetchone()
    if row is not None:
        raise UsageError(
            f"The name {name!r} of the source would be taken for a folder that already has items ({row[0]}).",
            hint="Give it another name.",
        )

"""A session as one JSON file: written at once or not at all, and read with suspicion.

Indexed items are kept by id, pictures from elsewhere by their path from the file's folder and their sha256, pictures
without a path whole. A file may come from a stranger: it can make nothing happen but a search, and no picture is read
whose sha256 it does not know.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fieldglass.errors import CollectionError, FingerprintError, UsageError
from fieldglass.registry import registry
from fieldglass.session.codec import RISKY, Saved, decoded, encoded
from fieldglass.session.pictures import Pictures
from fieldglass.store.durable import DurableFile, fsync_folder

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.session.session import Session
    from fieldglass.store import Snapshot

__all__ = ["read", "write"]

LIMIT = 256 << 20  # bytes of a session file


class _Home(NamedTuple):
    """Which collection and which vectors a session belongs to."""

    path: str
    identity: str
    field: str
    encoder: str
    fingerprint: str


def write(session: Session, path: Path) -> None:
    """UsageError where a part of the session cannot be written, or the file is there and is no session.

    Options of the updater that name weights, addresses or keys are not written: `resume` takes them anew.
    """
    if not isinstance(session.updater, str):
        raise UsageError("A session whose updater is an object cannot be saved.", hint="Name the updater.")
    kept = {name: value for name, value in session.options.items() if not RISKY.search(f"{name}={value}")}
    for name, value in kept.items():
        if not isinstance(value, str | int | float | bool | None):
            raise UsageError(f"The option {name}={value!r} of the updater cannot be saved.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Name a file, such as session.json.")
    if path.exists() and b'"fieldglass-session"' not in _head(path):
        raise UsageError(f"{path} is there already and is no session.", hint="Choose another name.")
    home = _home(session.collection, session.collection.store.snapshot(), path)
    saved = Saved(
        home._asdict(),
        session.updater,
        kept,
        session.k,
        session.hide_rejected,
        tuple(sorted(session.exclude)),
        session.exclude_group,
        session.rerank,
        session.collapse,
        session.turns,
        session.undone,
    )
    private = any(
        getattr(registry().factory("loaders", source.loader), "private", False)
        for source in session.collection.store.snapshot().sources.values()
    )
    content = encoded(saved, Pictures(path.resolve().parent, private=private))
    with DurableFile(path.resolve()) as file:
        file.write(content.encode())
        file.seal()
    fsync_folder(path.resolve().parent)


def read(path: Path, collection: Collection) -> Saved:
    """UsageError says why a file is no session; CollectionError and FingerprintError to what it belongs instead."""
    if not path.is_file():
        raise UsageError(f"There is no session {str(path)!r}.")
    if path.stat().st_size > LIMIT:
        raise UsageError(f"{path} has more than {LIMIT >> 20} MiB: that is no session.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text: that is no session.") from None
    saved = decoded(text, str(path), Pictures(path.resolve().parent, reader=collection))
    here, there = _home(collection, collection.store.snapshot(), path), _Home(**saved.home)
    if there.identity and here.identity and there.identity != here.identity:
        raise CollectionError(
            f"The session {path.name} was held with another collection ({there.path}), not with {collection.path}.",
            hint="Resume it with that one; ids and marks mean nothing here.",
        )
    if (there.field, there.fingerprint) != (here.field, here.fingerprint):
        raise FingerprintError(
            f"The session {path.name} was held with vectors of {there.encoder} ({there.fingerprint}, field "
            f"{there.field}); {collection.path} has those of {here.encoder} ({here.fingerprint}, field {here.field}).",
            hint="Open the collection with that field, or begin a new session.",
        )
    return saved


def _home(collection: Collection, snapshot: Snapshot, path: Path) -> _Home:
    field = collection.field
    return _Home(
        _relative(collection.path.resolve(), path.resolve().parent),
        snapshot.properties.get("identity", ""),
        field.name,
        field.encoder,
        field.fingerprint,
    )


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(256)

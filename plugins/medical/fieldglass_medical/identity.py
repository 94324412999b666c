"""Keyed hashes in place of patient, study and file names, and the map back to the files, kept beside the key."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from fieldglass.errors import UsageError

__all__ = ["Identity", "default_key"]

_KEY_BYTES = 32
_BATCH = 1000


def default_key() -> Path:
    """`FIELDGLASS_MEDICAL_KEY`, else a file of the user's own configuration."""
    named = os.environ.get("FIELDGLASS_MEDICAL_KEY")
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(named) if named else Path(base) / "fieldglass" / "medical.key"


class Identity:
    """HMAC-SHA256 under a key file that is made at the first use, readable by its owner alone.

    The same name gives the same hash under the same key, so that patients stay grouped; without the key the
    hash says nothing. Whoever has the key and `<key>.paths.sqlite` can go back to the files.
    """

    def __init__(self, key_file: Path) -> None:
        self._key = _read_or_make(key_file)
        self._pending: dict[tuple[str, str], str] = {}
        self._map = key_file.with_name(key_file.name + ".paths.sqlite")

    def of(self, kind: str, *parts: str) -> str:
        """32 hexadecimal digits for a name of one kind ("patient", "study", "file")."""
        text = "\0".join((kind, *parts)).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]

    def remember(self, root: Path, identifier: str, path: str) -> None:
        """Keep the path of an id, relative to `root`; written in batches, see `flush`."""
        self._pending[str(root), identifier] = path
        if len(self._pending) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what was remembered beside the key."""
        rows = [(*at, path) for at, path in self._pending.copy().items()]
        if not rows:
            return
        with closing(self._connect()) as database, database:
            database.executemany("INSERT OR REPLACE INTO paths VALUES (?, ?, ?)", rows)
        for root, identifier, _ in rows:
            self._pending.pop((root, identifier), None)

    def path(self, root: Path, identifier: str) -> str | None:
        """The path that `remember` kept, or None."""
        return self.some_paths(root, [identifier]).get(identifier)

    def some_paths(self, root: Path, identifiers: Sequence[str]) -> dict[str, str]:
        """Those of some ids that `remember` kept, with their paths."""
        found = {each: path for each in identifiers if (path := self._pending.get((str(root), each))) is not None}
        rest = [each for each in identifiers if each not in found]
        if rest:
            with closing(self._connect()) as database:
                for start in range(0, len(rest), _BATCH):
                    some = rest[start : start + _BATCH]
                    marks = ", ".join("?" * len(some))
                    asked = f"SELECT id, path FROM paths WHERE root = ? AND id IN ({marks})"
                    found.update(database.execute(asked, (str(root), *some)))
        return found

    def paths(self, root: Path) -> dict[str, str]:
        """Every id of a root that `remember` kept, with its path."""
        self.flush()
        with closing(self._connect()) as database:
            return dict(database.execute("SELECT id, path FROM paths WHERE root = ?", (str(root),)))

    def _connect(self) -> sqlite3.Connection:
        if not self._map.exists():
            self._map.touch(mode=0o600)
        database = sqlite3.connect(self._map, timeout=30)
        database.execute("CREATE TABLE IF NOT EXISTS paths (root TEXT, id TEXT, path TEXT, PRIMARY KEY (root, id))")
        return database


def _read_or_make(key_file: Path) -> bytes:
    try:
        key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = key_file.read_bytes()
    else:
        key = secrets.token_bytes(_KEY_BYTES)
        with open(descriptor, "wb") as file:
            file.write(key)
    if len(key) < _KEY_BYTES:
        raise UsageError(
            f"The key {str(key_file)!r} has {len(key)} bytes; at least {_KEY_BYTES} are needed.",
            hint="Name another with --set key=FILE, or let Fieldglass make one.",
        )
    return key

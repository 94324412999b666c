"""The folder of one training: what was asked for, the log, the checkpoint to go on from, and the weights to use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fieldglass.errors import DamagedError, UsageError
from fieldglass.store.durable import fsync_folder
from fieldglass.store.locks import WriterLock

__all__ = ["RunFolder"]

_FORMAT = 1
_LOCK = "writer.lock"


class RunFolder:
    """`run.json`, `log.jsonl`, `last.pt` (all that resuming needs) and the weights under the recipe's own file name.

    Every file but the log has its name only when it is whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def log(self) -> Path:
        """One JSON object a line: a step with its loss, or an epoch with its values."""
        return self.path / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        """Everything that the next step depends on."""
        return self.path / "last.pt"

    def create(self, facts: Mapping[str, Any]) -> None:
        """Make the folder. UsageError where something is in it."""
        if self.path.exists() and (not self.path.is_dir() or {path.name for path in self.path.iterdir()} - {_LOCK}):
            raise UsageError(
                f"{self.path} is there already.", hint="Go on with --resume, or name another folder with --to."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.write("run.json", lambda path: path.write_text(_json({"format": _FORMAT, **facts}), encoding="utf-8"))
        self.log.touch()

    def facts(self) -> dict[str, Any]:
        """What `create` was given. UsageError where this is no run, DamagedError where it cannot be read."""
        file = self.path / "run.json"
        if not file.is_file():
            raise UsageError(
                f"{self.path} is not the folder of a training.", hint="Without --resume a new one is begun."
            )
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT or not isinstance(found["options"], dict):
                raise ValueError(f"format {found['format']!r}")
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{file} cannot be read: {error}.", hint="Begin again in another folder.") from error
        return dict(found)

    def write(self, name: str, fill: Callable[[Path], Any]) -> Path:
        """A file that is whole or not there: `fill` writes it under a temporary name with the same suffix."""
        target = self.path / name
        fresh = self.path / f".{os.getpid()}.{name}"
        try:
            fill(fresh)
            with fresh.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(fresh, target)
        finally:
            fresh.unlink(missing_ok=True)
        fsync_folder(self.path)
        return target

    def add(self, row: Mapping[str, Any]) -> None:
        """One line of the log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")

    def logged(self) -> int:
        """Bytes of the log."""
        return self.log.stat().st_size if self.log.exists() else 0

    def rewind(self, size: int) -> None:
        """Forget the lines that were written after the checkpoint."""
        if self.logged() > size:
            os.truncate(self.log, size)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Kept by one process at a time. LockedError says which one trains here."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(self.path, "train")
        try:
            yield
        finally:
            lock.release()


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"

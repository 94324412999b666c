"""Locks of the operating system: they end with their process, so no lock is ever stale."""

from __future__ import annotations

import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from fieldglass.errors import LockedError, ReadOnlyError

__all__ = ["WriterLock", "try_lock"]

_FAR = 1 << 30  # Windows locks forbid reading what they cover, so lock a byte that nobody reads


def try_lock(file: IO[bytes]) -> bool:
    """Take the exclusive lock of an open file; False where another handle holds it, of this process too."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0)
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class WriterLock:
    """The one writer of a collection. The file `writer.lock` says who; the lock itself is the system's."""

    def __init__(self, folder: Path, purpose: str) -> None:
        """Take it, or LockedError naming pid, host, since when and what for."""
        path = folder / "writer.lock"
        try:
            self._file = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115  held until release
        except PermissionError as error:
            raise ReadOnlyError(f"{folder} cannot be written: {error}.", hint="Change its permissions.") from error
        if not try_lock(self._file):
            holder = self._file.read().decode("utf-8", "replace")
            self._file.close()
            raise LockedError(
                f"{folder} is being written by {_describe(holder)}.", hint="Wait until it ends, or stop it."
            )
        self._file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        who = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "purpose": purpose}
        self._file.write(json.dumps(who).encode())
        self._file.flush()

    def release(self) -> None:
        """Give it back."""
        self._file.close()


def _describe(holder: str) -> str:
    try:
        who = json.loads(holder)
        return f"process {who['pid']} on {who['host']} since {who['since']} (purpose: {who['purpose']})"
    except (ValueError, KeyError, TypeError):  # it has just taken the lock and not written yet
        return "another process"

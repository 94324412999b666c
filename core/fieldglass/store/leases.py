"""Leases: a reader says which version of the catalogue it uses, so that the writer keeps its files.

A lease is a file of `leases/` under the lock of its holder. One that nobody holds any more is removed
by the writer; a reader removes nothing but its own.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import IO

from fieldglass.store.locks import try_lock

__all__ = ["FOLDER", "Lease", "oldest_leased"]

FOLDER = "leases"


class Lease:
    """Until a version is noted the lease protects every file, so take it before reading the catalogue."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the collection. On a medium that cannot be written nothing is removed: no lease is needed."""
        self._path: Path | None = None
        self._file: IO[bytes] | None = None
        while self._file is None:
            path = folder / FOLDER / f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
            try:
                file = open(path, "xb")  # noqa: SIM115  held until release
            except OSError:
                return
            try:
                held = try_lock(file)
            except OSError:  # a file system without locks
                file.close()
                path.unlink(missing_ok=True)
                return
            if held and path.exists():  # the writer may have taken it for an abandoned one in between
                self._path, self._file = path, file
            else:
                file.close()

    def note(self, version: int) -> None:
        """The version in use: files retired at or before it are not needed."""
        if self._file is not None:
            self._file.write(str(version).encode())
            self._file.flush()

    def release(self) -> None:
        """Give it back."""
        if self._file is not None and self._path is not None:
            with contextlib.suppress(OSError):
                if os.name == "nt":  # an open file cannot be removed there
                    self._file.close()
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = self._path = None


def oldest_leased(folder: Path) -> int | None:
    """The oldest version in use (0 where it is not noted yet), or None. For the writer only: removes dead leases."""
    oldest: int | None = None
    for path in (folder / FOLDER).iterdir():
        try:
            file = open(path, "r+b")  # noqa: SIM115  closed below
        except OSError:
            continue
        with file:
            if try_lock(file):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                continue
            noted = file.read()
            version = int(noted) if noted.isdigit() else 0
            oldest = version if oldest is None else min(oldest, version)
    return oldest

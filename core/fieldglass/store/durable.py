"""Files that are whole or not there: temporary name, crc32 per MiB, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fieldglass.errors import DamagedError

__all__ = ["BLOCK", "TEMPORARY", "DurableFile", "Sealed", "check", "check_whole", "fsync_folder", "seal"]

BLOCK = 1 << 20
HEAD = 4096
WHOLE_CHECK = 16 << 20  # files up to this size are read whole when first used: some milliseconds
TEMPORARY = ".tmp"


@dataclass(frozen=True)
class Sealed:
    """What the catalogue keeps of a file: size, crc32 of the first 4 KiB, and crc32 of each MiB (uint32, packed)."""

    size: int
    head: int
    blocks: bytes


class DurableFile:
    """A file written once, front to back. It has its name only when `seal` was called and all is on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(path.name + TEMPORARY)
        self._file = open(self._temporary, "wb")  # noqa: SIM115  closed by seal or __exit__
        self._sum = _Sum()

    def write(self, data: bytes | np.ndarray[Any, Any]) -> None:
        """Append bytes, or an array's bytes in C order."""
        view = memoryview(data) if isinstance(data, bytes) else _bytes_of(data)
        self._file.write(view)
        self._sum.add(view)

    def seal(self) -> Sealed:
        """Bring it to the disk under its name. The folder's fsync is the caller's, once for several files."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self.path)
        return self._sum.sealed()

    def __enter__(self) -> DurableFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._file.closed:  # not sealed
            try:
                self._file.close()
            finally:
                self._temporary.unlink(missing_ok=True)


class _Sum:
    """crc32 of the head and of each block of what passes through."""

    def __init__(self) -> None:
        self._bytes = self._head = self._block = 0
        self._blocks: list[int] = []

    def add(self, view: memoryview) -> None:
        if self._bytes < HEAD:
            self._head = zlib.crc32(view[: HEAD - self._bytes], self._head)
        while len(view):
            room = BLOCK - self._bytes % BLOCK
            part, view = view[:room], view[room:]
            self._block = zlib.crc32(part, self._block)
            self._bytes += len(part)
            if self._bytes % BLOCK == 0:
                self._blocks.append(self._block)
                self._block = 0

    def sealed(self) -> Sealed:
        blocks = self._blocks + ([self._block] if self._bytes % BLOCK else [])
        return Sealed(self._bytes, self._head, np.array(blocks, dtype="<u4").tobytes())


def _bytes_of(data: np.ndarray[Any, Any]) -> memoryview:
    return np.ascontiguousarray(data).reshape(-1).view(np.uint8).data


def seal(temporary: Path, path: Path) -> Sealed:
    """Give a finished file of someone else's making its name, durably."""
    total = _Sum()
    with open(temporary, "rb+") as file:
        while part := file.read(BLOCK):
            total.add(memoryview(part))
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return total.sealed()


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check(path: Path, sealed: Sealed) -> None:
    """The cheap check before a file is used: size and head, and all of a small file. DamagedError names it."""
    _check_size(path, sealed)
    if sealed.size <= WHOLE_CHECK:
        check_whole(path, sealed)
        return
    with open(path, "rb") as file:
        if zlib.crc32(file.read(HEAD)) != sealed.head:
            raise _damaged(path, "its header does not match its checksum")


def check_whole(path: Path, sealed: Sealed) -> None:
    """Read all of a file and compare every block. DamagedError names the file and the first bad byte range."""
    _check_size(path, sealed)
    expected = np.frombuffer(sealed.blocks, dtype="<u4")
    with open(path, "rb") as file:
        for number, crc in enumerate(expected):
            if zlib.crc32(file.read(BLOCK)) != crc:
                raise _damaged(path, f"MiB {number} does not match its checksum")


def _check_size(path: Path, sealed: Sealed) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise _damaged(path, "it is missing") from None
    if size != sealed.size:
        raise _damaged(path, f"it has {size} bytes instead of {sealed.size}")


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(
        f"{path} is damaged: {what}.",
        hint="`fieldglass verify COLLECTION` names every damaged file and what to do.",
    )

"""Packed WebP previews of a contiguous range of positions: magic, count, offsets, a crc32 each, then the pictures."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import DamagedError
from fieldglass.store.durable import DurableFile, Sealed, check

__all__ = ["Thumbs", "write_thumbs"]

_MAGIC = b"FGTHUMB1"
_START = 16  # magic and a uint64 count


@dataclass(eq=False)
class Thumbs:
    """The previews of positions `start` to `start + count`."""

    number: int
    start: int
    count: int
    path: Path
    sealed: Sealed
    _parts: tuple[Any, Any, Any] | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def stop(self) -> int:
        """The position after the last."""
        return self.start + self.count

    def table(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Size and crc32 of each preview."""
        offsets, sums, _ = self._open()
        return np.diff(offsets), sums

    def stream(self, rows: np.ndarray[Any, Any]) -> Iterator[bytes]:
        """The previews of some rows, in order, read and not mapped."""
        offsets, sums, _ = self._open()
        with open(self.path, "rb") as file:
            for row in rows:
                file.seek(int(offsets[row]))
                yield self._checked(file.read(int(offsets[row + 1] - offsets[row])), row, sums)

    def get(self, position: int) -> bytes:
        """The WebP at a position, b"" where there is none. DamagedError where its checksum differs."""
        offsets, sums, data = self._open()
        row = position - self.start
        return self._checked(bytes(data[int(offsets[row]) : int(offsets[row + 1])]), row, sums)

    def _checked(self, thumb: bytes, row: int, sums: Any) -> bytes:
        if zlib.crc32(thumb) != sums[row]:
            raise DamagedError(
                f"{self.path} is damaged: preview {row} does not match its checksum.",
                hint="Run `fieldglass verify COLLECTION`.",
            )
        return thumb

    def _open(self) -> tuple[Any, Any, Any]:
        with self._lock:
            if self._parts is None:
                check(self.path, self.sealed)
                data = np.memmap(self.path, dtype=np.uint8, mode="r")
                end = _START + 8 * (self.count + 1)
                offsets = data[_START:end].view("<u8")
                sums = data[end : end + 4 * self.count].view("<u4")
                if bytes(data[:8]) != _MAGIC or int(data[8:_START].view("<u8")[0]) != self.count:
                    raise DamagedError(f"{self.path} is not a file of {self.count} previews.")
                self._parts = offsets, sums, data
            return self._parts


def write_thumbs(path: Path, sizes: Sequence[int], sums: Sequence[int], thumbs: Iterable[bytes]) -> Sealed:
    """Write previews whose sizes and crc32 are known beforehand, so that they may be streamed."""
    first = _START + 8 * (len(sizes) + 1) + 4 * len(sizes)
    offsets = np.concatenate([[first], first + np.cumsum(sizes, dtype=np.uint64)]).astype("<u8")
    with DurableFile(path) as file:
        file.write(_MAGIC + len(sizes).to_bytes(8, "little"))
        file.write(offsets)
        file.write(np.asarray(sums, dtype="<u4"))
        for thumb in thumbs:
            file.write(thumb)
        return file.seal()

"""A file that goes on with zeros where it ends, so that the frames of a truncated one can be read."""

from __future__ import annotations

from io import SEEK_SET
from typing import IO

__all__ = ["Padded"]


class Padded:
    """An open file; `read` gives as many bytes as are asked for. One that is whole is read as it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, zeros after the end; without a size, what is there."""
        found = self._file.read(size)
        lacking = size - len(found)
        if lacking > 0:
            self._file.seek(self._file.tell() + lacking)
            found += bytes(lacking)
        return found

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """As of a file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of a file."""
        return self._file.tell()

"""Pictures of a benchmark that are arrays in a file: written as PNG once, so that any encoder reads them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from fieldglass.errors import LoaderError

__all__ = ["Arrays", "write_once"]

_MOST = 1 << 31  # bytes of one array that is read at once


class Arrays:
    """The arrays of an `.npz` file, one row at a time; nothing that is pickled is read.

    LoaderError for a file that is cut short, holds objects, or lacks an array.
    """

    def __init__(self, path: Path, hint: str = "") -> None:
        self.path, self.hint = path, hint

    def whole(self, name: str) -> np.ndarray[Any, Any]:
        """One array; for labels."""
        with self._opened(name) as (file, shape, dtype):
            if int(np.prod(shape)) * dtype.itemsize > _MOST:
                raise LoaderError(f"{name} of {self.path.name} has {shape} values: too many.", hint=self.hint)
            rest = file.read()
        if len(rest) != int(np.prod(shape)) * dtype.itemsize:
            raise LoaderError(f"{name} of {self.path.name} is cut short.", hint=self.hint)
        return np.frombuffer(rest, dtype).reshape(shape)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape, from the header."""
        with self._opened(name) as (_, shape, _):
            return shape

    def rows(self, name: str) -> Iterator[np.ndarray[Any, Any]]:
        """The rows along the first axis, in order; memory holds one."""
        with self._opened(name) as (file, shape, dtype):
            size = int(np.prod(shape[1:])) * dtype.itemsize
            for number in range(shape[0]):
                row = file.read(size)
                if len(row) != size:
                    raise LoaderError(f"{name} of {self.path.name} ends in row {number}.", hint=self.hint)
                yield np.frombuffer(row, dtype).reshape(shape[1:])

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{name}.npy") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, fortran, dtype = read(file)
                if dtype.hasobject or fortran:
                    raise LoaderError(f"{name} of {self.path.name} holds objects or is not in C order.", hint=self.hint)
                yield file, shape, dtype
        except KeyError as error:
            raise LoaderError(f"{self.path.name} has no array {name!r}.", hint=self.hint) from error
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, LoaderError):
                raise
            raise LoaderError(f"{self.path.name} is not a whole .npz file: {error}.", hint=self.hint) from error


def write_once(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    """(h, w) or (h, w, 3) uint8 as PNG, by renaming, so that a broken-off run leaves no half of one."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    Image.fromarray(pixels).convert("RGB").save(fresh, "PNG")
    fresh.replace(path)

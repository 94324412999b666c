"""Segments: the vectors of one field for a contiguous range of positions, in one immutable file."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from fieldglass.errors import DamagedError
from fieldglass.store.codec import decode, stored_dtype, stored_width
from fieldglass.store.durable import DurableFile, Sealed, check
from fieldglass.store.records import Field

if TYPE_CHECKING:
    from fieldglass.types import F32, Bitmap

__all__ = ["THUMBS", "Segment", "file_name", "pack_present", "write_array"]

THUMBS = ""  # the thumbnails are kept as a field of this name
FOLDER = "segments"


def file_name(number: int, field_name: str) -> str:
    """`N.<field>.npy`, or `N.thumbs`."""
    return f"{number}.thumbs" if field_name == THUMBS else f"{number}.{field_name}.npy"


@dataclasses.dataclass(eq=False)
class Segment:
    """The rows of positions `start` to `start + count`; `present` is None where every one has the field."""

    number: int
    field: Field
    start: int
    count: int
    path: Path
    present: Bitmap | None
    sealed: Sealed
    _array: np.ndarray[Any, Any] | None = dataclasses.field(default=None, repr=False)
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    @property
    def stop(self) -> int:
        """The position after the last."""
        return self.start + self.count

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """(count, rows, width) as stored, memory-mapped, checked when first used. DamagedError names the file."""
        with self._lock:
            if self._array is None:
                check(self.path, self.sealed)
                self._array = self._map()
            return self._array

    def vectors(self) -> F32:
        """(count, rows, dim) float32; a view of the file for "f32", decoded otherwise."""
        return decode(self.field, self.array)

    def read(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Rows as stored, read and not mapped: for going through a file once without filling memory with it."""
        dtype, shape = stored_dtype(self.field), (self.field.rows, stored_width(self.field))
        row = dtype.itemsize * shape[0] * shape[1]
        place = self.sealed.size - row * (self.count - start)
        found = np.fromfile(self.path, dtype, count=(stop - start) * shape[0] * shape[1], offset=place)
        return found.reshape(stop - start, *shape)

    def _map(self) -> np.ndarray[Any, Any]:
        expected = (self.count, self.field.rows, stored_width(self.field)), stored_dtype(self.field)
        try:
            array: np.ndarray[Any, Any] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise DamagedError(
                f"{self.path} is damaged: {error}.", hint="Run `fieldglass verify COLLECTION`."
            ) from error
        if (array.shape, array.dtype) != expected:
            raise DamagedError(
                f"{self.path} holds {array.dtype} {array.shape}; the catalogue says {expected[1]} {expected[0]}.",
                hint="Run `fieldglass verify COLLECTION`.",
            )
        return array


def pack_present(present: Bitmap) -> bytes | None:
    """A presence bitmap as the catalogue keeps it: None where all are present."""
    return None if present.all() else np.packbits(present).tobytes()


def unpack_present(blob: bytes | None, count: int) -> Bitmap | None:
    """Back to (count,) bool."""
    if blob is None:
        return None
    return np.unpackbits(np.frombuffer(blob, dtype=np.uint8), count=count).astype(np.bool_)


def write_array(path: Path, field: Field, count: int, blocks: Iterable[np.ndarray[Any, Any]]) -> Sealed:
    """Write blocks of stored rows, `count` in all, as one npy file."""
    with DurableFile(path) as file:
        header = {
            "descr": npy.dtype_to_descr(stored_dtype(field)),
            "fortran_order": False,
            "shape": (count, field.rows, stored_width(field)),
        }
        npy.write_array_header_1_0(file, header)
        written = 0
        for block in blocks:
            file.write(block)
            written += len(block)
        if written != count:
            raise ValueError(f"{written} rows were given for a segment of {count}")
        return file.seal()

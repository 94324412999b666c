"""faiss over one bit per dimension: the signs of vectors, compared by Hamming distance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import DamagedError, MissingExtraError, UsageError
from fieldglass.indexes.files import read, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, I64, Bitmap

__all__ = ["Binary"]

ALONE = 8  # fewer queries than this are searched in one thread


class Binary:
    """Every code compared, eight dimensions a byte: for fields that are stored as "bits".

    For signs the order by Hamming distance is that of the inner product, so that a stored item's neighbours are the
    true ones, ties at the last place aside. A query that is not of signs (several pictures, a sum) is rounded to them
    here and scored as it is by the engine: `depth` candidates for ten hits leave room for that.
    """

    exact = False
    depth = 200

    def __init__(self) -> None:
        self._rows = np.empty(0, dtype=np.int64)
        self._codes: NDArray[np.uint8] = np.empty((0, 0), dtype=np.uint8)
        self._dim = 0
        self._index: Any = None

    def add(self, rows: I64, vectors: F32) -> None:
        """Rows (n,) and their vectors (n, dim); what is above 0 is a one."""
        if len(rows) == 0:
            return
        if self._dim and vectors.shape[1] != self._dim:
            raise UsageError(f"The index holds vectors of {self._dim} dimensions, not {vectors.shape[1]}.")
        self._dim = int(vectors.shape[1])
        codes = np.packbits(vectors > 0, axis=1)
        index = self._made() if self._index is None else self._index
        index.add(codes)
        self._rows = np.concatenate([self._rows, np.asarray(rows, dtype=np.int64)])
        self._index = index

    def candidates(self, vectors: F32, k: int, allow: Bitmap | None) -> I64:
        """(n, k) rows, nearest first, -1 pads."""
        found = np.full((len(vectors), k), -1, dtype=np.int64)
        if self._index is None or k == 0:
            return found
        index, rows = self._index, self._rows
        if allow is not None:
            kept = np.flatnonzero(allow[rows])
            rows, index = rows[kept], self._made()
            index.add(np.ascontiguousarray(self._held()[kept]))
        count = min(k, len(rows))
        if count:
            faiss = _faiss()
            most = faiss.omp_get_max_threads()
            faiss.omp_set_num_threads(1 if len(vectors) < ALONE else most)
            try:
                places = index.search(np.packbits(np.asarray(vectors) > 0, axis=1), count)[1]
            finally:
                faiss.omp_set_num_threads(most)
            found[:, :count] = rows[places]
        return found

    def save(self, path: Path) -> None:
        """Write to one file, atomically."""
        codes = self._held() if len(self._rows) else self._codes
        write(path, {"kind": "binary", "count": len(self._rows), "dim": self._dim}, [self._rows, codes])

    def load(self, path: Path) -> Binary:
        """Read what `save` wrote. DamagedError where the file is not whole."""
        header, body = read(path, "binary")
        count, self._dim = int(header["count"]), int(header["dim"])
        width = -(-self._dim // 8)
        if len(body) != count * (8 + width):
            raise DamagedError(f"{path} holds {len(body)} bytes for {count} codes of {self._dim} bits.")
        self._rows = np.frombuffer(body, dtype=np.int64, count=count).copy()
        self._index = None
        if count:
            self._index = self._made()
            self._index.add(np.frombuffer(body, dtype=np.uint8, offset=count * 8).reshape(count, width).copy())
        return self

    def _made(self) -> Any:
        return _faiss().IndexBinaryFlat(-(-self._dim // 8) * 8)

    def _held(self) -> NDArray[np.uint8]:
        """(n, bytes): the codes inside faiss, without a copy."""
        faiss = _faiss()
        flat = faiss.rev_swig_ptr(self._index.xb.data(), self._index.ntotal * self._index.code_size)
        return np.asarray(flat).reshape(self._index.ntotal, self._index.code_size)


def _faiss() -> Any:
    try:
        import faiss  # late: torch's OpenMP must come first where both are used
    except ImportError as error:
        raise MissingExtraError(
            f"The index `binary` needs faiss, which cannot be imported: {error}.",
            hint="Install it: pip install 'fieldglass[faiss]', or search with the index `exact`.",
        ) from error
    return faiss

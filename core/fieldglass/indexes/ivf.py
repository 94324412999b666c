"""faiss IVF with 4-bit product codes: small, quick to build, tuned to a recall target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import MissingExtraError, UsageError
from fieldglass.indexes.files import read, write

if TYPE_CHECKING:
    from fieldglass.types import F32, I64, Bitmap

__all__ = ["Ivf", "Setting"]

CODES = 256  # 4-bit codes per vector at most: 128 bytes
PER_LIST = 40  # training rows per list
LEAST = 64  # rows that codes are trained on, by repetition where there are fewer
DEPTHS = (100, 200, 400, 800, 1600)  # candidates for ten hits
ROW_COST = 100  # fetching a candidate's vector costs as much as comparing so many codes
MARGIN = 0.25  # of the misses allowed: aimed above the target, since the sample is small
ALONE = 8  # fewer queries than this are searched in one thread
GEMM_FROM = 4096  # rows x dims above which faiss' flat quantiser uses a matrix product (its own default: never)


@dataclass(frozen=True)
class Setting:
    """How one kind of query is searched, what that reached on the sample, and how near the kind comes to a list.

    `near` is the median similarity of a unit query of the kind with its best centroid: pictures lie
    near one, sentences do not, and that tells them apart.
    """

    nprobe: int
    depth: int
    recall: float
    near: float


class Ivf:
    """Inverted lists over residual product codes (two dimensions to four bits, at most 128 bytes a vector).

    It proposes candidates only; `depth` of them for ten hits. `candidates` probes more lists where a
    filter leaves too few rows in the first.
    """

    exact = False

    def __init__(self) -> None:
        self._index: Any = None
        self._settings: dict[str, Setting] = {}

    @property
    def depth(self) -> int:
        """Candidates that ten hits need, for the more demanding kind of query."""
        return max((each.depth for each in self._settings.values()), default=DEPTHS[2])

    @property
    def settings(self) -> Mapping[str, Setting]:
        """By kind of query ("picture", "text"); empty before `tune`."""
        return dict(self._settings)

    def sample(self, count: int) -> int:
        """How many of so many rows `train` wants."""
        return min(count, max(_lists(count) * PER_LIST, LEAST))

    def train(self, vectors: F32, count: int) -> None:
        """Learn lists and codes from a sample (m, dim) of `count` rows to come."""
        faiss = _faiss()
        _threaded(len(vectors))
        dim = vectors.shape[1]
        codes = _codes(dim)
        lists = faiss.IndexFlatIP(dim)
        index = faiss.IndexIVFPQFastScan(lists, dim, _lists(count), codes, 4, faiss.METRIC_INNER_PRODUCT)
        index.by_residual = True
        index.cp.niter = 8
        index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
        enough = vectors if len(vectors) >= LEAST else np.resize(vectors, (LEAST, dim))
        index.train(np.ascontiguousarray(enough, dtype=np.float32))
        index.nprobe = index.nlist
        self._index = index

    def add(self, rows: I64, vectors: F32) -> None:
        """Rows (n,) and their vectors (n, dim); the first call trains where `train` was not called."""
        if len(rows) == 0:
            return
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if self._index is None:
            self.train(vectors, len(vectors))
        if vectors.shape[1] != self._index.d:
            raise UsageError(f"The index holds vectors of {self._index.d} dimensions, not {vectors.shape[1]}.")
        _threaded(len(vectors))
        self._index.add_with_ids(vectors, np.ascontiguousarray(rows, dtype=np.int64))

    def tune(self, kinds: Mapping[str, tuple[F32, I64]], recall: float) -> None:
        """Find the cheapest setting that reaches recall, per kind of query (m, dim) with its neighbours (m, 10)."""
        self._settings = {kind: self._tuned(queries, truth, recall) for kind, (queries, truth) in kinds.items()}

    def candidates(self, vectors: F32, k: int, allow: Bitmap | None) -> I64:
        """(n, k) rows, best first, -1 pads."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        found = np.full((len(vectors), k), -1, dtype=np.int64)
        if self._index is None or self._index.ntotal == 0 or k == 0:
            return found
        bits = None if allow is None else np.packbits(allow, bitorder="little")
        nprobe = self._probes(vectors)
        wanted = min(k, self._index.ntotal if allow is None else int(np.count_nonzero(allow)))
        left = np.arange(len(vectors))
        while len(left):
            for count in np.unique(nprobe[left]):
                mine = left[nprobe[left] == count]
                found[mine] = self._search(vectors[mine], k, int(count), bits)
            short = (found[left] >= 0).sum(axis=1) < wanted
            left = left[short & (nprobe[left] < self._index.nlist)]
            nprobe[left] = np.minimum(nprobe[left] * 2, self._index.nlist)
        return found

    def save(self, path: Path) -> None:
        """Write to one file, atomically."""
        settings = {kind: asdict(each) for kind, each in self._settings.items()}
        body = [] if self._index is None else [_faiss().serialize_index(self._index)]
        write(path, {"kind": "ivf", "settings": settings}, body)

    def load(self, path: Path) -> Ivf:
        """Read what `save` wrote. DamagedError where the file is not whole: faiss itself would not notice."""
        header, body = read(path, "ivf")
        self._settings = {kind: Setting(**each) for kind, each in header["settings"].items()}
        self._index = _faiss().deserialize_index(np.frombuffer(body, dtype=np.uint8)) if len(body) else None
        return self

    def _search(self, vectors: F32, k: int, nprobe: int, bits: Any) -> I64:
        faiss = _faiss()
        chosen = None if bits is None else faiss.IDSelectorBitmap(bits)
        _threaded(len(vectors))
        parameters = faiss.SearchParametersIVF(sel=chosen, nprobe=nprobe)
        rows: I64 = self._index.search(vectors, k, params=parameters)[1]
        return rows

    def _probes(self, vectors: F32) -> I64:
        """(n,) lists to probe: the setting of the kind whose distance from the lists is most alike."""
        if not self._settings:
            return np.full(len(vectors), min(64, self._index.nlist), dtype=np.int64)
        settings = sorted(self._settings.values(), key=lambda each: each.near)
        near = self._near(vectors)
        edges = [(low.near + high.near) / 2 for low, high in pairwise(settings)]
        return np.array([each.nprobe for each in settings], dtype=np.int64)[np.searchsorted(edges, near)]

    def _near(self, vectors: F32) -> F32:
        best: F32 = self._index.quantizer.search(vectors, 1)[0][:, 0]
        return np.asarray(best / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12))

    def _tuned(self, queries: F32, truth: I64, recall: float) -> Setting:
        lists, total = self._index.nlist, self._index.ntotal
        aim = recall + (1 - recall) * MARGIN
        near = float(np.median(self._near(queries)))
        choices = []
        for power in range(int(math.log2(lists)) + 1):
            nprobe = lists if power == int(math.log2(lists)) else 2**power
            proposed = self._search(queries, min(DEPTHS[-1], total), nprobe, None)
            for depth in DEPTHS:
                reached = _recall(proposed[:, :depth], truth)
                choices.append((reached < aim, total * nprobe / lists + ROW_COST * depth, nprobe, depth, reached))
        good = [choice for choice in choices if not choice[0]]
        _, _, nprobe, depth, reached = min(good) if good else max(choices, key=lambda choice: (choice[4], -choice[1]))
        return Setting(nprobe, depth, reached, near)


def _recall(proposed: I64, truth: I64) -> float:
    hits = sum(len(np.intersect1d(mine, true)) for mine, true in zip(proposed, truth, strict=True))
    return hits / max(int(np.count_nonzero(truth >= 0)), 1)


def _lists(count: int) -> int:
    """About the square root of the rows, a power of two."""
    return 1 << max(0, round(math.log2(max(count, 1)) / 2))


def _codes(dim: int) -> int:
    """The most codes, up to 256, of at least two dimensions each that divide a vector evenly."""
    return max(codes for codes in range(1, min(CODES, max(dim // 2, 1)) + 1) if dim % codes == 0)


def _threaded(count: int) -> None:
    """One thread for a few queries: those of a pool would still spin while numpy scores the candidates."""
    most = _threads()
    _faiss().omp_set_num_threads(1 if count < ALONE else most)


@cache
def _threads() -> int:
    most: int = _faiss().omp_get_max_threads()
    return most


def _faiss() -> Any:
    try:
        import faiss  # late: torch's OpenMP must come first where both are used
    except ImportError as error:
        raise MissingExtraError(
            f"The index `ivf` needs faiss, which cannot be imported: {error}.",
            hint="Install it: pip install 'fieldglass[faiss]', or search with the index `exact`.",
        ) from error
    faiss.cvar.distance_compute_blas_threshold = GEMM_FROM
    return faiss

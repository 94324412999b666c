"""What every index must keep."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import DamagedError
from fieldglass.interfaces import Index
from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.types import F32, I64

__all__ = ["IndexContract"]


class IndexContract:
    """Name the index::

        class TestHnsw(IndexContract):
            index = "histology/hnsw"

    `recall` is the least share of the true ten best that an approximate index proposes among its first 100.
    """

    index: str
    options: Mapping[str, Any] = {}
    count: int = 3000
    recall: float = 0.9

    def make(self) -> Index:
        """An empty index."""
        found: Index = registry().create("indexes", self.index, self.options)
        return found

    def filled(self) -> Index:
        """An index of `vectors()` under the rows 0, 2, 4, ..., added in two parts."""
        index, vectors = self.make(), _vectors(self.count)
        rows = np.arange(self.count, dtype=np.int64) * 2
        half = self.count // 2
        index.add(rows[:half], vectors[:half])
        index.add(rows[half:], vectors[half:])
        return index

    def test_it_says_whether_it_is_exact(self) -> None:
        assert isinstance(self.make().exact, bool), "`exact` is True or False"

    def test_candidates_are_rows(self) -> None:
        found = self.filled().candidates(_queries(self.count), 20, None)
        assert found.shape == (8, 20) and found.dtype == np.int64, f"{found.shape} {found.dtype}"
        for row in found:
            kept = row[row >= 0]
            assert len(set(kept.tolist())) == len(kept), "a row is proposed once"
            assert ((kept % 2 == 0) & (kept < 2 * self.count)).all(), "only rows that were added"

    def test_the_best_are_among_them(self) -> None:
        index, queries = self.filled(), _queries(self.count)
        true = _best(self.count, np.ones(self.count, dtype=bool), 10)
        wanted = 1.0 if index.exact else self.recall
        found = index.candidates(queries, 10 if index.exact else 100, None)
        shares = [len(set(a.tolist()) & set(b.tolist())) / 10 for a, b in zip(true, found, strict=True)]
        assert np.mean(shares) >= wanted, f"recall {np.mean(shares):.3f} is under {wanted}"

    def test_only_allowed_rows_are_proposed(self) -> None:
        allow = np.zeros(2 * self.count, dtype=bool)
        allow[: self.count : 4] = True
        found = self.filled().candidates(_queries(self.count), 10, allow)
        assert allow[found[found >= 0]].all(), "a row that is not allowed was proposed"
        assert (found >= 0).any(), "none of the allowed rows was proposed"

    def test_fewer_than_k_are_padded(self) -> None:
        allow = np.zeros(2 * self.count, dtype=bool)
        allow[[4, 8, 12]] = True
        found = self.filled().candidates(_queries(self.count), 10, allow)
        for row in found:
            kept = row[row >= 0]
            assert set(kept.tolist()) <= {4, 8, 12}, f"{row}"
            assert (row[len(kept) :] == -1).all(), f"-1 pads at the end: {row}"

    def test_an_empty_index_proposes_nothing(self) -> None:
        found = self.make().candidates(_queries(self.count), 5, None)
        assert found.shape == (8, 5) and (found == -1).all(), f"{found}"

    def test_a_batch_is_what_one_by_one_is(self) -> None:
        index, queries = self.filled(), _queries(self.count)
        together = index.candidates(queries, 10, None)
        alone = np.concatenate([index.candidates(query[None], 10, None) for query in queries])
        assert [set(row) for row in together.tolist()] == [set(row) for row in alone.tolist()]

    def test_what_is_saved_answers_the_same(self, tmp_path: Path) -> None:
        index, queries = self.filled(), _queries(self.count)
        index.save(tmp_path / "index")
        again = self.make().load(tmp_path / "index")
        assert np.array_equal(index.candidates(queries, 10, None), again.candidates(queries, 10, None))

    def test_a_damaged_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "index"
        self.filled().save(path)
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0xFF
        for damaged in (whole[: len(whole) // 2], bytes(flipped), b""):
            path.write_bytes(damaged)
            try:
                self.make().load(path)
            except DamagedError:
                continue
            raise AssertionError("a damaged file was loaded")


@cache
def _vectors(count: int) -> F32:
    """Unit vectors (count, 32) around 40 centres, as embeddings lie."""
    noise = np.random.default_rng(5)
    centres = noise.normal(size=(40, 32))
    raw = centres[noise.integers(0, 40, count)] + 0.5 * noise.normal(size=(count, 32))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


def _queries(count: int) -> F32:
    raw = _vectors(count)[:8] + 0.05 * np.random.default_rng(6).normal(size=(8, 32))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


def _best(count: int, allowed: Any, k: int) -> I64:
    scores = np.where(allowed, _queries(count).astype(np.float64) @ _vectors(count).astype(np.float64).T, -np.inf)
    return np.asarray(np.argsort(-scores, axis=1)[:, :k] * 2, dtype=np.int64)

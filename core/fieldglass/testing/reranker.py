"""What every reranker must keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fieldglass.encoders import encode
from fieldglass.interfaces import Reranker
from fieldglass.registry import registry
from fieldglass.testing.gallery import ArrayGallery
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Fusion, Probe, Probes, Query, QueryText, Ranking, Sample

__all__ = ["RerankerContract"]


class RerankerContract:
    """Name the reranker::

    class TestReciprocal(RerankerContract):
        reranker = "histology/reciprocal"
    """

    reranker: str
    options: Mapping[str, Any] = {}

    def make(self) -> Reranker:
        """The reranker under test."""
        found: Reranker = registry().create("rerankers", self.reranker, self.options)
        return found

    def gallery(self) -> ArrayGallery:
        """200 pictures of random colours in the field `image`."""
        noise = np.random.default_rng(9)
        encoder = TinyEncoder()
        pixels = [np.full((4, 4, 3), noise.integers(0, 256, 3), dtype=np.uint8) for _ in range(200)]
        vectors = encode(encoder, [encoder.prepare(Sample("image", each)) for each in pixels])
        return ArrayGallery([f"p{place}" for place in range(200)], {"image": vectors})

    def test_hits_are_permuted_and_none_is_lost(self) -> None:
        before, after = self._rerank(self.gallery())
        assert sorted(before.positions.tolist()) == sorted(after.positions.tolist()), "a hit was lost, or made up"
        assert len(after.scores) == len(after.positions) and np.isfinite(after.scores).all()

    def test_the_tail_keeps_its_order(self) -> None:
        before, after = self._rerank(self.gallery())
        changed = np.flatnonzero(before.positions != after.positions)
        head = int(changed.max()) + 1 if len(changed) else 0
        moved = set(after.positions[:head].tolist())
        assert moved == set(before.positions[:head].tolist()), "what leaves the first hits leaves the permutation"

    def test_ids_follow_their_positions(self) -> None:
        gallery = self.gallery()
        _, after = self._rerank(gallery)
        assert list(after.ids) in ([], gallery.ids(after.positions)), "`ids` name other items than `positions`"

    def test_reranking_twice_gives_the_same(self) -> None:
        gallery = self.gallery()
        first, second = self._rerank(gallery)[1], self._rerank(gallery)[1]
        assert np.array_equal(first.positions, second.positions)

    def test_few_hits_and_none_are_taken(self) -> None:
        for count in (0, 1, 2):
            before, after = self._rerank(self.gallery(), count)
            assert sorted(after.positions.tolist()) == sorted(before.positions.tolist())

    def _rerank(self, gallery: ArrayGallery, count: int = 200) -> tuple[Ranking, Ranking]:
        vectors = TinyEncoder().texts(["red"])
        probes = Probes((Probe("image", vectors, label="text"),), Fusion("text", "linear"))
        ranking = gallery.neighbours("image", vectors, count)[0]
        query = Query(texts=(QueryText("red"),), id="q")
        return ranking, self.make().rerank(query, probes, ranking, gallery)

"""What every benchmark must keep."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fieldglass.interfaces import Benchmark
from fieldglass.registry import registry
from fieldglass.types import Query, Ranking

__all__ = ["BenchmarkContract"]


class BenchmarkContract:
    """Name the benchmark; its options point to its files::

    class TestPatternCom(BenchmarkContract):
        benchmark = "rs/patterncom"
        options = {"root": FOLDER}
    """

    benchmark: str
    options: Mapping[str, Any] = {}

    def make(self) -> Benchmark:
        """The benchmark under test."""
        found: Benchmark = registry().create("benchmarks", self.benchmark, self.options)
        return found

    def test_its_card_is_filled(self) -> None:
        card = self.make().card
        for name in ("name", "summary", "licence", "paper", "protocol"):
            assert getattr(card, name), f"the card says nothing under `{name}`"
        assert all(len(digest) == 64 for digest in card.files.values()), "files are pinned by sha256"

    def test_ids_are_unique(self) -> None:
        benchmark = self.make()
        for what, ids in (
            ("gallery", [item.id for item in benchmark.gallery()]),
            ("queries", [query.id for query in benchmark.queries()]),
        ):
            assert ids and all(ids) and len(set(ids)) == len(ids), f"{what}: ids are there, and unique"

    def test_queries_speak_of_the_gallery(self) -> None:
        benchmark = self.make()
        known = {item.id for item in benchmark.gallery()}
        for query in benchmark.queries():
            named = {image.id for image in query.images if image.id is not None} | (query.only or frozenset())
            assert named <= known, f"query {query.id}: {sorted(named - known)[:3]} are not in the gallery"
            assert query.only is None or query.only - query.exclude, f"query {query.id}: nothing is left to find"

    def test_it_judges_a_stream(self) -> None:
        found = self.make().judge(iter(self._rankings()))
        assert found, "no metric"
        for name, value in found.items():
            assert not isinstance(value, float) or math.isfinite(value), f"{name} is {value}"

    def test_published_numbers_have_its_names(self) -> None:
        benchmark = self.make()
        unknown = set(benchmark.card.published) - set(benchmark.judge(iter(self._rankings())))
        assert not unknown, f"published, but never measured: {sorted(unknown)}"

    def test_judging_depends_on_the_ranking(self) -> None:
        benchmark = self.make()
        found = [benchmark.judge(iter(self._rankings(shuffle=seed))) for seed in range(6)]
        assert any(each != found[0] for each in found), "the same figures for six different rankings"

    def _rankings(self, *, shuffle: int = 0) -> Iterator[tuple[Query, Ranking]]:
        """Every query with the gallery in its own order, or shuffled by a seed."""
        benchmark = self.make()
        ids = [item.id for item in benchmark.gallery()]
        noise = np.random.default_rng(shuffle)
        for query in benchmark.queries():
            kept = [name for name in ids if name not in query.exclude and (query.only is None or name in query.only)]
            order = [kept[place] for place in noise.permutation(len(kept))] if shuffle else kept
            positions = np.array([ids.index(name) for name in order], dtype=np.int64)
            yield query, Ranking(positions, -np.arange(len(order), dtype=np.float64), ids=tuple(order))

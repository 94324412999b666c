"""Conditions of a composer: joined to the query's own filter, one per query, in every way of searching."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from fieldglass.composers.blend import Blend
from fieldglass.composers.decayed import Decayed
from fieldglass.composers.rocchio import Rocchio
from fieldglass.composers.single import Image
from fieldglass.errors import PluginError
from fieldglass.types import All, Query, QueryImage
from galleries import Ask
from priced import ASKED, nearest, positions, priced, run


@dataclass(frozen=True)
class First:
    """Keeps the first items."""

    count: int

    def bitmap(self, gallery):
        return np.arange(gallery.size) < self.count


class Limited(Ask):
    """Those of `Ask`, each with a condition."""

    def __init__(self, vectors, where):
        super().__init__(vectors)
        self.where = where

    def compose(self, queries, encoder, gallery):
        return replace(super().compose(queries, encoder, gallery), where=self.where)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return priced(tmp_path_factory.mktemp("conditions"))


WHERE = ("price < 100", First(20), None)


def test_each_query_has_its_own_condition_in_search_and_rank(engine):
    asked = ASKED[:3]
    found = run(engine, asked, composer=Limited(asked, WHERE))
    expected = [nearest(each, range(count), 10) for each, count in zip(asked, (100, 20, 300), strict=True)]
    assert positions(found) == expected
    assert [each.matched for each in found] == [100, 20, None]
    ranked = engine.rank([Query()] * 3, Limited(asked, WHERE), k=10)
    assert [each.positions.tolist() for each in ranked] == expected


def test_it_is_joined_to_the_filter_and_the_ids_of_the_query(engine):
    query = Query(where="kind = 'hat'", only=frozenset(f"i{row}" for row in range(0, 300, 2)))
    found = run(engine, ASKED[:1], composer=Limited(ASKED[:1], (First(100),)), query=query)
    allowed = [row for row in range(100) if row % 3 == 0 and row % 2 == 0]
    assert positions(found) == [nearest(ASKED[0], allowed, 10)]
    assert found[0].matched == len(allowed)


def test_explain_bars_what_the_condition_bars(engine):
    composer = Limited(ASKED[:1], (First(20),))
    best = nearest(ASKED[0], range(20), 20)
    for rank, row in enumerate(best, 1):
        assert engine.explain(Query(), f"i{row}", composer=composer).rank == rank
    assert engine.explain(Query(), "i20", composer=composer).rank is None


def test_another_number_of_conditions_is_the_composers_mistake(engine):
    with pytest.raises(PluginError, match="1 conditions for 3 queries"):
        run(engine, ASKED[:3], composer=Limited(ASKED[:3], ("price < 100",)))


class LikeCheap:
    """`image`, below a price that the picture's position gives."""

    requires = frozenset()

    def compose(self, queries, encoder, gallery):
        rows = gallery.positions([query.images[0].id for query in queries])
        found = Image().compose(queries, encoder, gallery)
        return replace(found, where=tuple(f"price < {row}" for row in rows))


def test_composers_around_one_with_a_condition_keep_it(engine):
    queries = [Query(images=(QueryImage(id="i50"),)), Query(images=(QueryImage(id="i80"),))]
    for composer in (Blend(first=LikeCheap(), second="image"), Rocchio(base=LikeCheap())):
        found = engine.search(queries, composer=composer, k=300)
        assert [each.matched for each in found] == [50, 80]
    both = Blend(first=LikeCheap(), second=LikeCheap()).compose(queries, engine.encoder, engine.view())
    assert both.where[0] == All(("price < 50", "price < 50"))
    alone = Decayed().compose(queries, engine.encoder, engine.view())
    assert alone.where == ()

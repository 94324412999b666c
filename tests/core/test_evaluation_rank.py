"""The rankings that benchmarks are judged by are those of a search."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.search import Engine
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Query, QueryImage, QueryText, Ranking
from galleries import gallery, random_rows


class Backwards:
    """Turns the first four round."""

    depth = 4

    def rerank(self, query, probes, ranking, gallery):
        order = np.r_[np.arange(4)[::-1], np.arange(4, len(ranking.positions))]
        return Ranking(ranking.positions[order], ranking.scores[order], ranking.exact)


@pytest.mark.parametrize("composer", ["image", "sum", "weicom"])
@pytest.mark.parametrize("rerank", [None, Backwards()])
def test_rank_is_search_without_the_rest(tmp_path, composer, rerank):
    with gallery(tmp_path, random_rows(300)) as store:
        engine = Engine(store, TinyEncoder())
        names = [f"i{row}" for row in range(140)]
        text = (QueryText("red dark"),)
        queries = [Query((QueryImage(name),), text, exclude=frozenset([name])) for name in names]
        searched = engine.search(queries, composer=composer, k=7, rerank=rerank)
        ranked = list(engine.rank(queries, composer, k=7, rerank=rerank))
    assert len(ranked) == 140
    for outcome, ranking in zip(searched, ranked, strict=True):
        assert (ranking.positions == outcome.ranking.positions).all()
        assert (ranking.scores == outcome.ranking.scores).all()

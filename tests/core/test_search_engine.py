"""The engine: exact answers, filters, exclusions, limits, and every query that cannot be run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldglass.errors import FilterError, FingerprintError, PluginError, QueryError, UnknownNameError, UsageError
from fieldglass.search import Engine
from fieldglass.types import Fusion, Item, Probe, Probes, Query, QueryImage, QueryText, Ranking
from galleries import Ask, gallery, random_rows, weicom
from priced import ASKED, ROWS, nearest, positions, priced, run
from tiny import TinyEncoder


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return priced(tmp_path_factory.mktemp("engine"))


def test_hits_are_those_of_a_full_scan_with_their_ids_and_scores(engine):
    found = run(engine, ASKED)
    assert positions(found) == [nearest(asked, range(300), 10) for asked in ASKED]
    first = found[0]
    assert first.ranking.ids == tuple(f"i{row}" for row in first.ranking.positions)
    assert first.ranking.scores == pytest.approx(ROWS[first.ranking.positions] @ ASKED[0], abs=1e-6)
    assert first.exact
    assert first.matched is None
    assert first.sources == ["photos"] * 10
    assert first.metadata[0]["price"] == first.ranking.positions[0]
    assert first.elapsed_ms["total"] >= first.elapsed_ms["search"]


def test_a_batch_is_the_loop_bit_for_bit(engine):
    texts = random_rows(20, seed=5)
    for composer in (Ask, lambda rows: weicom(rows, texts[: len(rows)] if len(rows) > 1 else texts[:1], 0.5)):
        batch = run(engine, ASKED, composer=composer(ASKED))
        one = run(engine, ASKED[0], composer=composer(ASKED[:1]))[0]
        assert batch[0].ranking.positions.tolist() == one.ranking.positions.tolist()
        assert batch[0].ranking.scores.tolist() == one.ranking.scores.tolist()


def test_more_queries_than_one_pass_takes_keep_their_order(engine):
    many = random_rows(300, seed=7)

    class Looked(Ask):
        def compose(self, queries, encoder, gallery):
            vectors = np.stack([many[int(query.id)] for query in queries])
            return Probes((Probe("image", vectors),), Fusion("x", "linear"))

    found = engine.search([Query(id=str(row)) for row in range(300)], composer=Looked(), k=3)
    assert positions(found) == [nearest(asked, range(300), 3) for asked in many]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 1000), weight=st.sampled_from([None, 0.3, 0.9]))
def test_permuting_the_gallery_permutes_the_ranking(tmp_path_factory, seed, weight):
    order = np.random.default_rng(seed).permutation(60)
    asked, texts = random_rows(1, seed=seed), random_rows(1, seed=seed + 1)
    composer = Ask(asked) if weight is None else weicom(asked, texts, weight)
    answers = []
    for rows, names in ((ROWS[:60], np.arange(60)), (ROWS[:60][order], order)):
        folder = tmp_path_factory.mktemp("permuted")
        made = gallery(folder, rows, ids=[f"i{name}" for name in names])
        found = Engine(made, TinyEncoder()).search([Query()], composer=composer, k=60)[0].ranking
        answers.append((found.ids, found.scores))
        made.close()
    assert answers[0][0] == answers[1][0]
    assert answers[0][1] == pytest.approx(answers[1][1], abs=1e-9)


# Filters and exclusions


def test_a_filter_is_exact_and_says_how_many_match(engine):
    found = run(engine, ASKED, query=Query(where="price < 100 AND kind = 'hat'"))
    allowed = [row for row in range(100) if row % 3 == 0]
    assert positions(found) == [nearest(asked, allowed, 10) for asked in ASKED]
    assert {each.matched for each in found} == {len(allowed)}


def test_a_filter_object_gives_a_bitmap(engine):
    class Even:
        def bitmap(self, gallery):
            return np.arange(gallery.size) % 2 == 0

    class Wrong:
        def bitmap(self, gallery):
            return np.ones(3)

    assert positions(run(engine, ASKED[0], query=Query(where=Even()))) == [nearest(ASKED[0], range(0, 300, 2), 10)]
    with pytest.raises(FilterError, match="Wrong gave float64"):
        run(engine, ASKED[0], query=Query(where=Wrong()))


def test_only_exclude_and_filter_go_together(engine):
    only = frozenset(f"i{row}" for row in range(50)) | {"unknown"}
    query = Query(only=only, exclude=frozenset({"i3", "i4"}), where="price >= 2")
    assert positions(run(engine, ASKED, query=query)) == [nearest(asked, [2, *range(5, 50)], 10) for asked in ASKED]
    query = Query(exclude=frozenset({"i3", "i4"}))
    assert positions(run(engine, ASKED, query=query)) == [
        nearest(asked, [row for row in range(300) if row not in (3, 4)], 10) for asked in ASKED
    ]


def test_the_group_of_a_query_picture_is_left_out(engine, tmp_path):
    query = Query(images=(QueryImage(id="i25"),), exclude_group="patient")
    rest = [row for row in range(300) if row // 10 != 2]
    assert positions(run(engine, ROWS[25], query=query)) == [nearest(ROWS[25], rest, 10)]
    outside = Query(images=(QueryImage(item=Item("new", groups={"patient": "p2"})),), exclude_group="patient")
    assert positions(run(engine, ROWS[25], query=outside)) == [nearest(ROWS[25], rest, 10)]
    groups = {"patient": [f"p{row // 10}" for row in range(300)]}
    strict = gallery(tmp_path, ROWS, groups=groups, properties={"exclude_group": "patient"})
    plain = Query(images=(QueryImage(id="i25"),))
    assert positions(run(Engine(strict, TinyEncoder()), ROWS[25], query=plain)) == [nearest(ROWS[25], rest, 10)]
    with pytest.raises(QueryError, match=r"no group 'study'.*patient"):
        run(engine, ROWS[25], query=Query(images=(QueryImage(id="i25"),), exclude_group="study"))


def test_deleted_items_are_no_hits_and_leave_the_moments(tmp_path):
    store = gallery(tmp_path, ROWS)
    engine = Engine(store, TinyEncoder())
    before = engine.view().moments("image")
    gone = [f"i{row}" for row in range(0, 300, 2)]
    with store.writer("test") as writer:
        writer.delete(gone)
    assert positions(run(engine, ASKED)) == [nearest(asked, range(1, 300, 2), 10) for asked in ASKED]
    after = engine.view().moments("image")
    left = ROWS[1::2].astype(np.float64)
    assert (before.count, after.count) == (300, 150)
    assert after.mean == pytest.approx(left.mean(axis=0), abs=1e-12)
    assert after.covariance == pytest.approx(np.cov(left.T), abs=1e-12)


# How many, and how they are shown


@pytest.mark.parametrize("k", [0, 1, 299, 300, 1000])
def test_any_k_is_answered(engine, k):
    assert positions(run(engine, ASKED[:2], k=k)) == [nearest(asked, range(300), k) for asked in ASKED[:2]]


def test_an_empty_collection_and_an_empty_filter_give_no_hits(engine, tmp_path):
    empty = Engine(gallery(tmp_path, np.empty((0, 16))), TinyEncoder())
    assert positions(run(empty, ASKED[:2])) == [[], []]
    assert positions(run(empty, ASKED[:1], composer=weicom(ASKED[:1], ASKED[1:2], 0.5))) == [[]]
    assert positions(run(engine, ASKED[:2], query=Query(where="price > 9999"))) == [[], []]
    assert positions(run(engine, ASKED[:2], query=Query(only=frozenset()))) == [[], []]
    assert engine.search([]) == []


def test_a_gallery_of_one(tmp_path):
    one = Engine(gallery(tmp_path, ROWS[:1]), TinyEncoder())
    found = run(one, ASKED[:1], composer=weicom(ASKED[:1], ASKED[1:2], 0.3))[0].ranking
    assert found.positions.tolist() == [0]
    assert found.scores.tolist() == [0.5]


def test_a_least_score_and_one_hit_per_group(engine):
    scores = ROWS.astype(np.float64) @ ASKED[0]
    found = run(engine, ASKED[0], k=300, min_score=0.2)[0].ranking
    assert len(found.positions) == (scores >= 0.2).sum()
    found = run(engine, ASKED[0], k=30, collapse="patient")[0]
    order = np.argsort(-scores)
    seen, kept = set(), []
    for row in order:
        group = f"p{row // 10}" if row < 290 else row
        if group not in seen:
            kept.append(row)
        seen.add(group)
    assert found.ranking.positions.tolist() == kept[:30]
    with pytest.raises(QueryError, match="no group 'nope'"):
        run(engine, ASKED[0], collapse="nope")


def test_equal_items_come_in_the_order_they_were_added(tmp_path):
    same = Engine(gallery(tmp_path, np.repeat(ROWS[:1], 200, axis=0)), TinyEncoder())
    assert positions(run(same, ASKED[:1], k=7)) == [list(range(7))]
    assert positions(run(same, ASKED[:1], k=7, composer=weicom(ASKED[:1], ASKED[1:2], 0.5))) == [list(range(7))]


class Backwards:
    depth = 5

    def rerank(self, query, probes, ranking, gallery):
        assert all(each.vectors.shape[0] == 1 for each in probes.probes)
        m = min(5, len(ranking.positions))
        order = np.r_[np.arange(m)[::-1], np.arange(m, len(ranking.positions))]
        return Ranking(ranking.positions[order], ranking.scores[order], ranking.exact)


class Losing(Backwards):
    def rerank(self, query, probes, ranking, gallery):
        return Ranking(ranking.positions[1:], ranking.scores[1:])


def test_a_reranker_may_only_change_the_order(engine):
    plain, turned = run(engine, ASKED[:2], k=8), run(engine, ASKED[:2], k=8, rerank=Backwards())
    for before, after in zip(positions(plain), positions(turned), strict=True):
        assert after == [*before[:5][::-1], *before[5:]]
    assert positions(run(engine, ASKED[:1], k=2, rerank=Backwards())) == [positions(plain)[0][:5][::-1][:2]]
    assert positions(run(engine, ASKED[:1], query=Query(only=frozenset()), rerank=Backwards())) == [[]]
    with pytest.raises(PluginError, match="Losing must return the 10 hits"):
        run(engine, ASKED[0], rerank=Losing())


# What cannot be run


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.full((1, 16), np.nan), "NaN or infinity"),
        (np.full((1, 16), np.inf), "NaN or infinity"),
        (np.zeros((1, 16)), "zeros"),
        (np.ones((1, 8)), r"\(1, 8\).*holds vectors of 16"),
        (np.ones((1, 1, 16)), "shape"),
    ],
)
def test_vectors_that_cannot_be_searched(engine, vectors, message):
    class Raw(Ask):
        def compose(self, queries, encoder, gallery):
            return Probes((Probe("image", vectors),), Fusion("raw", "linear"))

    with pytest.raises(QueryError, match=message):
        engine.search([Query()], composer=Raw())


def test_arguments_that_make_no_sense(engine):
    for k in (-1, 1.5, True):
        with pytest.raises(QueryError, match="k is the number of hits"):
            run(engine, ASKED[0], k=k)
    with pytest.raises(UsageError, match="calibrate"):
        run(engine, ASKED[0], calibrate="some")
    with pytest.raises(QueryError, match="min_score"):
        run(engine, ASKED[0], min_score=float("nan"))
    with pytest.raises(UnknownNameError, match=r"no composer 'weicon'.*weicom"):
        engine.search([Query(images=(QueryImage(id="i1"),))], composer="weicon")
    with pytest.raises(UsageError, match=r"no option 'text_wieght'"):
        engine.search([Query(images=(QueryImage(id="i1"),))], composer="weicom", options={"text_wieght": 1})
    with pytest.raises(UnknownNameError, match="index 'ivg'"):
        run(engine, ASKED[0], index="ivg")
    with pytest.raises(UsageError, match="no index of kind 'ivf'"):
        run(engine, ASKED[0], index="ivf")
    with pytest.raises(QueryError, match=r"field 'caption'.*image"):
        run(engine, ASKED[0], composer=Ask(ASKED[:1], field="caption"))


def test_composers_and_fusions_that_break_their_contract(engine):
    class None_(Ask):
        def compose(self, queries, encoder, gallery):
            return Probes((), Fusion("none", "linear"))

    with pytest.raises(PluginError, match="no probe"):
        engine.search([Query()], composer=None_())
    with pytest.raises(PluginError, match="2 rows for 1 queries"):
        engine.search([Query()], composer=Ask(ASKED[:2]))
    with pytest.raises(PluginError, match="no `combine`"):
        engine.search([Query()], composer=Ask(ASKED[:1], fusion=Fusion("x", "moments")))
    with pytest.raises(PluginError, match="gave shape"):
        engine.search([Query()], composer=Ask(ASKED[:1], fusion=Fusion("x", "scores", lambda scores: np.zeros(3))))


def test_a_batch_of_all_kinds_gets_the_composer_of_each(engine):
    picture, text = (QueryImage(id="i1"),), (QueryText("red"),)
    queries = [Query(images=picture), Query(texts=text), Query(images=picture, texts=text), Query(place=(1.0, 2.0))]
    together = engine.search(queries, k=5)
    assert [each.composer for each in together] == ["image", "text", "weicom", "image"]
    for query, found in zip(queries, together, strict=True):
        assert engine.search([query], k=5)[0].ranking.ids == found.ranking.ids


def test_the_vectors_of_another_encoder_are_refused(engine):
    with pytest.raises(FingerprintError, match=r"vectors of tiny \(tiny-0\).*by tiny \(tiny-1\)"):
        Engine(engine.store, TinyEncoder(seed=1)).search([Query(texts=(QueryText("red"),))])

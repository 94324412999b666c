"""SuperGlobal: the golden orders and scores, its ends, several rows, texts, batches."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fieldglass.errors import UsageError
from fieldglass.rerankers.superglobal import SuperGlobal
from fieldglass.search import Engine
from fieldglass.testing import RerankerContract
from fieldglass.testing.gallery import ArrayGallery
from fieldglass.types import Fusion, Probe, Probes, Query, QueryText, Ranking
from galleries import Ask, gallery, random_rows, wave
from given_vectors import GALLERY, PICTURE
from tiny import TinyEncoder


class TestSuperGlobal(RerankerContract):
    reranker = "superglobal"


class TestSuperGlobalOfFew(RerankerContract):
    reranker = "superglobal"
    options: ClassVar = {"m": "20", "k": "3", "stages": "both"}


def asked(rows, vector, query=None, **options):
    """The ranking of all rows (n, d) or (n, r, d) for one vector, re-ranked."""
    rows = np.asarray(rows, dtype=np.float32).reshape(len(rows), -1, len(vector))
    view = ArrayGallery([str(row) for row in range(len(rows))], {"image": rows})
    vectors = np.asarray(vector, dtype=np.float32)[None]
    probes = Probes((Probe("image", vectors, label="image"),), Fusion("image", "linear"))
    before = view.neighbours("image", vectors, len(rows))[0]
    return before, SuperGlobal(**options).rerank(query or Query(), probes, before, view)


def test_the_golden_scores_of_all_rows():
    before, after = asked(GALLERY, PICTURE, m=6, k=2)
    assert before.positions.tolist() == [2, 4, 5, 1, 0, 3]
    assert after.positions.tolist() == [2, 4, 1, 5, 0, 3]
    assert after.ids == ("2", "4", "1", "5", "0", "3")
    assert after.scores == pytest.approx([0.239086, 0.201224, 0.085179, 0.052294, -0.292050, -0.400853], abs=1e-5)


def test_the_golden_scores_of_four_and_an_untouched_tail():
    before, after = asked(GALLERY, PICTURE, m=4, k=1)
    assert after.positions.tolist() == [2, 5, 4, 1, 0, 3]
    assert after.scores[:4] == pytest.approx([0.760533, 0.616457, -0.158319, -0.411943], abs=1e-5)
    assert after.scores[4:].tolist() == before.scores[4:].tolist()


def by_the_formula(rows, query, m, k, beta):
    """The four steps of the paper, with every z made."""
    base = np.argsort(-(rows @ query), kind="stable")[:m]
    top = rows[base]
    similar = top @ top.T
    refined = np.empty_like(top)
    for row in range(len(top)):
        near = [row, *(each for each in np.argsort(-similar[row], kind="stable") if each != row)][: k + 1]
        weights = np.array([1.0, *(beta * similar[row, each] for each in near[1:])])
        refined[row] = weights @ top[near] / weights.sum()
    first = refined @ query
    second = refined @ refined[np.argsort(-first, kind="stable")[: k + 1]].max(axis=0)
    return dict(zip(base.tolist(), (first + second) / 2, strict=True))


@pytest.mark.parametrize(("m", "k"), [(400, 9), (50, 9), (50, 0), (8, 30), (2, 1), (1, 1)])
def test_any_gallery_is_as_the_formula_says(m, k):
    rows, query = np.abs(random_rows(70, dim=24, seed=m + k)), np.abs(random_rows(1, dim=24, seed=99)[0])
    rows, query = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (rows, query))
    _, after = asked(rows, query, m=m, k=k)
    wanted = by_the_formula(rows.astype(np.float64), query.astype(np.float64), m, k, 0.15)
    if m > 1:  # a single hit has nothing to be compared with
        got = dict(zip(after.positions.tolist(), after.scores, strict=True))
        assert {row: got[row] for row in wanted} == pytest.approx(wanted, abs=1e-5)
    assert sorted(after.positions.tolist()) == list(range(70))


def test_a_text_keeps_the_first_stage():
    text = Query(texts=(QueryText("t"),))
    _, both = asked(GALLERY, PICTURE, text, m=6, k=2, stages="both")
    _, auto = asked(GALLERY, PICTURE, text, m=6, k=2)
    _, first = asked(GALLERY, PICTURE, m=6, k=2, stages="first")
    assert auto.scores.tolist() == first.scores.tolist() != both.scores.tolist()
    near, own = np.argsort(-(GALLERY @ GALLERY[2]))[1:3], GALLERY[2] @ GALLERY.T
    weights = np.array([1.0, *(0.15 * own[near])])
    wanted = weights @ (GALLERY @ PICTURE)[[2, *near]] / weights.sum()
    assert first.scores[first.positions.tolist().index(2)] == pytest.approx(wanted, abs=1e-6)


def test_several_rows_are_described_by_their_mean_and_scored_by_their_best():
    rows = random_rows(60, dim=16, seed=3).reshape(30, 2, 16)
    query = random_rows(1, dim=16, seed=4)[0]
    before, after = asked(rows, query, k=0, stages="first")
    assert after.scores.tolist() == pytest.approx(before.scores.tolist())  # without neighbours: the MaxSim itself
    _, moved = asked(rows, query, k=4)
    assert sorted(moved.positions.tolist()) == list(range(30))
    twice = np.repeat(rows[:, :1], 2, axis=1)
    _, single = asked(rows[:, 0], query, k=4)
    _, double = asked(twice, query, k=4)
    assert double.positions.tolist() == single.positions.tolist()
    assert double.scores == pytest.approx(single.scores, abs=1e-6)


def test_twins_stand_for_themselves():
    rows = np.stack([wave(1), wave(1), wave(1), wave(2), wave(3)])
    before, after = asked(rows, wave(1), k=2)
    assert after.positions.tolist()[:3] == before.positions.tolist()[:3]
    assert np.ptp(after.scores[:3]) < 1e-6


def test_an_item_without_a_vector_and_one_opposite_to_all_stay_finite():
    rows = np.concatenate([np.zeros((1, 4)), [PICTURE], -np.repeat(PICTURE[None], 9, axis=0)])
    _, after = asked(rows, PICTURE)
    assert np.isfinite(after.scores).all() and after.positions[0] == 1
    assert after.positions.tolist().index(0) < 3  # zero, not above the picture and not below its opposites


def test_a_batch_is_the_loop(tmp_path):
    queries = random_rows(5, seed=1)
    engine = Engine(gallery(tmp_path, random_rows(300)), TinyEncoder())
    options = {"k": 7, "rerank": "superglobal", "rerank_options": {"m": 50}}
    batch = engine.search([Query()] * 5, composer=Ask(queries), **options)
    for number, found in enumerate(batch):
        (one,) = engine.search([Query()], composer=Ask(queries[number : number + 1]), **options)
        assert one.ranking.positions.tolist() == found.ranking.positions.tolist()
        assert one.ranking.scores.tolist() == found.ranking.scores.tolist()
        assert found.reranker == "superglobal"


@pytest.mark.parametrize("options", [{"m": 0}, {"k": -1}, {"beta": 2.0}, {"stages": "none"}])
def test_what_is_refused(options):
    with pytest.raises(UsageError, match="superglobal takes"):
        SuperGlobal(**options)


def test_no_hits():
    none = Ranking(np.empty(0, dtype=np.int64), np.empty(0))
    assert len(SuperGlobal().rerank(Query(), Probes((), Fusion("x", "linear")), none, ArrayGallery([], {})).scores) == 0

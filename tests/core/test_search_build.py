"""Moments and indexes kept beside the segments: topped up, put aside when stale or damaged, never needed."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.composers.weicom import calibrated_sum
from fieldglass.errors import UnknownNameError, UsageError
from fieldglass.search import Engine, build
from fieldglass.search.moments import load_sums, moments
from fieldglass.search.propose import directions
from fieldglass.store import Field, Store
from fieldglass.types import Fusion, Query
from galleries import Ask, gallery, random_rows, unit, weicom
from tiny import TinyEncoder

DIM = 32
COUNT = 30_000


def manifold(count, seed):
    first = np.random.default_rng(7).standard_normal((6, 40))
    second = np.random.default_rng(8).standard_normal((40, DIM))
    random = np.random.default_rng(seed)
    return unit(np.tanh(random.standard_normal((count, 6)) @ first / 2) @ second + random.standard_normal((count, DIM)))


ROWS = manifold(COUNT, 0)
PICTURES = manifold(40, 1)
TEXTS = unit(0.3 * manifold(40, 2) + random_rows(40, DIM, seed=3))
FIELD = Field("image", "tiny", {}, "tiny-0", DIM)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = gallery(
        tmp_path_factory.mktemp("indexed"),
        ROWS,
        field=FIELD,
        metadata={"half": [row % 2 for row in range(COUNT)]},
    )
    assert build(made, kind="ivf") == ["image.moments", "image.index"]
    return made


def positions(engine, composer, index="auto", count=40, **more):
    query = more.pop("query", Query())
    found = engine.search([query] * count, composer=composer, k=10, index=index, **more)
    return [each.ranking.positions.tolist() for each in found], found[0]


def recall(found, true):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, true, strict=True)])


@pytest.mark.parametrize(
    "composer",
    [
        Ask(PICTURES),
        Ask(TEXTS),
        weicom(PICTURES, TEXTS, 0.3),
        weicom(PICTURES, TEXTS, 0.5),
        weicom(PICTURES, TEXTS, 0.9),
    ],
    ids=["picture", "text", "weicom .3", "weicom .5", "weicom .9"],
)
def test_the_index_finds_what_a_scan_finds_with_the_same_scores(store, composer):
    engine = Engine(store, TinyEncoder())
    true, exact = positions(engine, composer, "exact")
    found, approximate = positions(engine, composer)
    assert exact.exact
    assert not approximate.exact
    assert recall(found, true) >= 0.95
    scores = dict(zip(exact.ranking.positions.tolist(), exact.ranking.scores.tolist(), strict=True))
    for position, score in zip(approximate.ranking.positions.tolist(), approximate.ranking.scores, strict=True):
        assert scores.get(position, score) == score


def test_a_fusion_of_many_probes_asks_an_index_little_and_finds_what_a_scan_finds(store, monkeypatch):
    shown = [(PICTURES[np.roll(np.arange(40), age)], 0.5 * 0.8**age) for age in range(10)]
    said = [(TEXTS[np.roll(np.arange(40), age)], 0.5 * 0.8**age) for age in range(10)]
    away = [(PICTURES[np.roll(np.arange(40), 20 + age)], -0.2) for age in range(5)]
    composer = Ask(*shown, *said, *away, fusion=Fusion("many", "moments", calibrated_sum))
    engine = Engine(store, TinyEncoder())
    asked = []

    def counted(*given):
        asked.append(directions(*given))
        return asked[-1]

    monkeypatch.setattr("fieldglass.search.route.directions", counted)
    true, _ = positions(engine, composer, "exact")
    found, approximate = positions(engine, composer)
    assert not approximate.exact
    assert recall(found, true) >= 0.95
    assert max(map(len, asked)) < 100


def test_few_matches_are_exact_and_many_use_the_bitmap(store):
    engine = Engine(store, TinyEncoder())
    few, outcome = positions(engine, Ask(PICTURES), query=Query(where="half = 1"))
    assert outcome.exact
    assert few == positions(engine, Ask(PICTURES), "exact", query=Query(where="half = 1"))[0]

    class Most:
        def bitmap(self, gallery):
            return np.arange(gallery.size) % 4 > 0

    many, outcome = positions(engine, Ask(PICTURES), query=Query(where=Most()))
    assert not outcome.exact
    assert outcome.matched == 22_500
    assert all(position % 4 for found in many for position in found)
    assert recall(many, positions(engine, Ask(PICTURES), "exact", query=Query(where=Most()))[0]) >= 0.95


def test_never_fewer_than_k_hits_when_k_match(store):
    class Far:
        """The rows farthest from the query: the lists that are probed first hold none of them."""

        def bitmap(self, gallery):
            scores = gallery.scores("image", PICTURES[:1])[0]
            return scores <= np.sort(scores)[20_500]

    engine = Engine(store, TinyEncoder())
    found = engine.search([Query(where=Far())], composer=Ask(PICTURES[:1]), k=500)[0]
    assert found.matched > 20_000
    assert len(found.ranking.positions) == 500


def test_a_fusion_of_all_scores_says_that_an_index_stood_in(store):
    def product(scores):
        return np.prod([np.maximum(each.values, 0) for each in scores], axis=0)

    engine = Engine(store, TinyEncoder())
    composer = Ask(PICTURES[:1], TEXTS[:1], fusion=Fusion("product", "scores", product))
    found = engine.search([Query()], composer=composer)[0]
    exact = engine.search([Query()], composer=composer, index="exact")[0]
    assert (found.exact, exact.exact) == (False, True)
    assert len(set(found.ranking.ids) & set(exact.ranking.ids)) >= 7


def test_a_second_build_has_nothing_to_do_and_bad_arguments_are_named(store):
    version = store.snapshot().version
    assert build(store) == []
    assert store.snapshot().version == version
    with pytest.raises(UnknownNameError, match="ivf"):
        build(store, kind="ifv")
    with pytest.raises(UsageError, match="recall"):
        build(store, kind="ivf", recall=95)


def test_the_ladder_starts_at_its_size(tmp_path, monkeypatch):
    small = gallery(tmp_path, ROWS[:3000], field=FIELD)
    assert build(small) == ["image.moments"]
    monkeypatch.setitem(build.__globals__, "LADDER", 2000)  # the module of that name is hidden by the function
    assert build(small) == ["image.index"]


# What changes after it was built


@pytest.fixture
def growing(tmp_path):
    made = gallery(tmp_path, ROWS[:25_000], field=FIELD)
    build(made, kind="ivf")
    return made


def grow(store, rows, first):
    with store.writer("test") as writer:
        source = writer.add_source("photos", store.path.parent, "files")
        writer.append_bulk(source, [f"i{first + row}" for row in range(len(rows))], rows)


def test_new_rows_are_found_before_any_index_knows_them_and_dead_ones_are_not(growing):
    engine = Engine(growing, TinyEncoder())
    engine.search([Query()], composer=Ask(PICTURES[:1]))
    grow(growing, PICTURES, 25_000)
    found, outcome = positions(engine, Ask(PICTURES))
    assert [row[0] for row in found] == list(range(25_000, 25_040))
    assert not outcome.exact
    with growing.writer("test") as writer:
        writer.delete([f"i{row}" for row in range(25_000, 25_040)])
        writer.delete([f"i{row}" for row in range(0, 25_000, 50)])
    found, _ = positions(engine, Ask(PICTURES))
    assert all(position < 25_000 and position % 50 for row in found for position in row)
    assert recall(found, positions(engine, Ask(PICTURES), "exact")[0]) >= 0.95


def test_moments_are_topped_up_by_readers_who_write_nothing(growing):
    grow(growing, PICTURES, 25_000)
    with growing.writer("test") as writer:
        writer.delete([f"i{row}" for row in range(100)])
    snapshot = growing.snapshot()
    before = sorted(path.name for path in (growing.path / "derived").iterdir())
    found = moments(snapshot, "image")
    left = np.concatenate([ROWS[100:25_000], PICTURES]).astype(np.float64)
    assert found.count == len(left)
    assert found.mean == pytest.approx(left.mean(axis=0), abs=1e-12)
    assert found.covariance == pytest.approx(np.cov(left.T), abs=1e-12)
    mean, std = found.of_scores(TEXTS[:3])
    assert mean == pytest.approx((left @ TEXTS[:3].T).mean(axis=0), abs=1e-9)
    assert std == pytest.approx((left @ TEXTS[:3].T).std(axis=0, ddof=1), abs=1e-9)
    assert sorted(path.name for path in (growing.path / "derived").iterdir()) == before
    assert load_sums(snapshot, "image").covered == 25_000
    assert build(growing) == ["image.moments"]
    assert load_sums(growing.snapshot(), "image").covered == 25_040


def test_a_compaction_makes_the_index_stale_and_says_so(growing):
    engine = Engine(growing, TinyEncoder())
    with growing.writer("test") as writer:
        writer.delete([f"i{row}" for row in range(0, 25_000, 2)])
        writer.compact()
    found, outcome = positions(engine, Ask(PICTURES))
    assert outcome.exact
    assert any("older state" in note for note in outcome.notes)
    left = ROWS[1:25_000:2].astype(np.float64)
    assert found == [np.argsort(-(left @ row), kind="stable")[:10].tolist() for row in PICTURES]
    with pytest.raises(UsageError, match="older state"):
        positions(engine, Ask(PICTURES), "ivf")
    assert build(growing, kind="ivf") == ["image.moments", "image.index"]
    assert not positions(engine, Ask(PICTURES), "ivf")[1].exact


def test_a_damaged_index_is_put_aside_and_the_answer_is_exact(growing):
    path = growing.path
    growing.close()
    for file in (path / "derived").iterdir():
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2] ^= 1
        file.write_bytes(whole)
    with Store.open(path) as again:
        engine = Engine(again, TinyEncoder())
        found, outcome = positions(engine, Ask(PICTURES))
        assert outcome.exact
        assert any("damaged" in note for note in outcome.notes)
        assert found == [np.argsort(-(ROWS[:25_000].astype(np.float64) @ row))[:10].tolist() for row in PICTURES]
        assert engine.view().moments("image").mean == pytest.approx(ROWS[:25_000].mean(axis=0, dtype=np.float64))
        assert build(again, kind="ivf") == ["image.moments", "image.index"]
        assert not positions(Engine(again, TinyEncoder()), Ask(PICTURES))[1].exact


def test_build_is_quiet_about_an_empty_collection(tmp_path):
    empty = gallery(tmp_path, np.empty((0, DIM)), field=FIELD)
    build(empty, kind="ivf")
    assert Engine(empty, TinyEncoder()).search([Query()], composer=Ask(PICTURES[:1]))[0].ranking.ids == ()


def test_an_engine_beside_another_opens_nothing_again(store):
    first = Engine(store, TinyEncoder())
    first.search([Query()], composer=Ask(random_rows(1, 32)), k=3)
    beside = Engine(store, TinyEncoder(), beside=first)
    assert beside.view() is first.view()
    assert beside._indexes is first._indexes
    assert beside.search([Query()], composer=Ask(random_rows(1, 32)), k=3)[0].ranking.positions.size == 3

"""Fusions over one field and several, and the explanation of a score."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.composers.weicom import calibrated_sum
from fieldglass.errors import QueryError
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.types import Fusion, Probe, Probes, Query, QueryImage
from galleries import Ask, gallery, random_rows, unit, weicom
from priced import ASKED, ROWS, priced, run
from tiny import TinyEncoder


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return priced(tmp_path_factory.mktemp("engine"))


def test_calibration_over_all_or_over_the_matches(engine):
    texts = random_rows(1, seed=9)
    query = Query(where="price < 60")
    everything = run(engine, ASKED[:1], query=query, composer=weicom(ASKED[:1], texts, 0.4))[0]
    matches = run(engine, ASKED[:1], query=query, composer=weicom(ASKED[:1], texts, 0.4), calibrate="matches")[0]
    assert everything.ranking.scores == pytest.approx(formula(ROWS, ASKED[0], texts[0], 0.4, range(60)), abs=1e-6)
    assert matches.ranking.scores == pytest.approx(formula(ROWS[:60], ASKED[0], texts[0], 0.4, range(60)), abs=1e-6)
    assert "all items" in everything.notes[0]
    assert "match the filter" in matches.notes[0]


def test_each_of_many_queries_is_calibrated_over_its_own_matches(engine):
    """Overlapping ones share products; the next kind of filter, rows left out and no match at all do not mix in."""
    count = len(ASKED)
    texts = random_rows(count, seed=9)
    kinds = ["kind = 'hat'", "kind = 'hat' AND price < 200", "price > 150", "price < 0"]
    queries = [Query(where=kinds[place * 4 // count], exclude=frozenset({f"i{place}"})) for place in range(count)]
    together = engine.search(queries, composer=weicom(ASKED, texts, 0.4), k=10, calibrate="matches")
    for place, query in enumerate(queries):
        composer = weicom(ASKED[place : place + 1], texts[place : place + 1], 0.4)
        alone = engine.search([query], composer=composer, k=10, calibrate="matches")[0]
        assert together[place].ranking.positions.tolist() == alone.ranking.positions.tolist()
        assert together[place].ranking.scores == pytest.approx(alone.ranking.scores, abs=1e-12)
        left = [row for row in MATCHES[query.where] if row != place]
        if left:
            assert alone.ranking.scores == pytest.approx(
                formula(ROWS[left], ASKED[place], texts[place], 0.4, range(len(left))), abs=1e-6
            )


MATCHES = {
    "kind = 'hat'": range(0, 300, 3),
    "kind = 'hat' AND price < 200": range(0, 200, 3),
    "price > 150": range(151, 300),
    "price < 0": [],
}


def formula(rows, picture, text, weight, allowed):
    from math import erfc, sqrt

    total = 0
    for vector, share in ((picture, 1 - weight), (text, weight)):
        scores = rows.astype(np.float64) @ vector
        z = (scores - scores.mean()) / scores.std(ddof=1)
        total = total + share * np.array([0.5 * erfc(-each / sqrt(2)) for each in z])
    return np.sort(total[list(allowed)])[::-1][:10]


def test_a_fusion_that_needs_all_scores_sees_all_rows(engine):
    seen = []

    def percentile(scores):
        seen.append(len(scores[0].values))
        ranks = [np.argsort(np.argsort(each.values)) / len(each.values) for each in scores]
        return ranks[0] + ranks[1]

    composer = Ask(ASKED[:1], ASKED[1:2], fusion=Fusion("percentile", "scores", percentile))
    found = run(engine, ASKED[:1], composer=composer, query=Query(where="price < 50"))[0]
    assert seen == [300]
    ranks = sum(np.argsort(np.argsort(ROWS @ asked)) / 300 for asked in ASKED[:2])
    assert found.exact
    assert found.ranking.scores == pytest.approx(np.sort(ranks[:50])[::-1][:10])


def test_a_negatively_weighted_probe_is_pruned_rightly(engine):
    def less(scores):
        return sum(each.weight * (each.values - each.mean) / each.std for each in scores)

    composer = Ask((ASKED[:1], 1.0), (ASKED[1:2], -0.5), fusion=Fusion("less", "moments", less))
    z = [(ROWS @ asked - (ROWS @ asked).mean()) / (ROWS @ asked).std(ddof=1) for asked in ASKED[:2]]
    found = run(engine, ASKED[:1], composer=composer)[0].ranking
    assert found.positions.tolist() == np.argsort(-(z[0] - 0.5 * z[1]))[:10].tolist()


def test_many_calibrated_probes_find_what_the_formula_finds(tmp_path):
    rows, asked = random_rows(5000, seed=21), random_rows(12, seed=22)
    weights = [0.9**age * (-0.4 if age % 4 == 3 else 1) for age in range(12)]
    parts = [(vector[None], weight) for vector, weight in zip(asked, weights, strict=True)]
    engine = Engine(gallery(tmp_path, rows, metadata={"half": [row % 2 for row in range(5000)]}), TinyEncoder())
    composer = Ask(*parts, fusion=Fusion("many", "moments", calibrated_sum))
    total = sum(weight * formula_of(rows, vector) for vector, weight in zip(asked, weights, strict=True))
    for where, allowed in ((None, np.arange(5000)), ("half = 1", np.arange(1, 5000, 2))):
        found = run(engine, asked[:1], composer=composer, query=Query(where=where), k=50)[0].ranking
        assert found.positions.tolist() == allowed[np.argsort(-total[allowed])][:50].tolist()
        assert found.scores == pytest.approx(np.sort(total[allowed])[::-1][:50], abs=1e-6)


def formula_of(rows, vector):
    from math import erfc, sqrt

    scores = rows.astype(np.float64) @ vector
    z = (scores - scores.mean()) / scores.std(ddof=1)
    return np.array([0.5 * erfc(-each / sqrt(2)) for each in z])


def test_saturated_scores_are_ordered_by_their_z(tmp_path):
    """Beyond 8 standard deviations the normal distribution function is 1: the z-score still tells."""
    rows = unit(np.random.default_rng(0).standard_normal((20_000, 16)) * 1e-3 + np.eye(16)[0])
    rows[[5, 9, 700]] = unit(np.eye(16)[0] + np.outer([0.3, 0.5, 0.4], np.eye(16)[1]))
    engine = Engine(gallery(tmp_path, rows), TinyEncoder())
    asked = np.eye(16, dtype=np.float32)[1:2]
    found = run(engine, asked, k=3, composer=weicom(asked, asked, 0.5))[0].ranking
    assert found.scores.tolist() == [1.0, 1.0, 1.0]
    assert found.positions.tolist() == [9, 700, 5]


# Explanations


def test_an_explanation_agrees_with_the_search(engine):
    composer = weicom(ASKED[:1], ASKED[1:2], 0.3)
    found = run(engine, ASKED[:1], k=300, composer=composer)[0].ranking
    for rank in (0, 9, 299):
        told = engine.explain(Query(), found.ids[rank], composer=composer)
        assert told.rank == rank + 1
        assert told.score == pytest.approx(found.scores[rank], abs=1e-9)
        assert told.score == pytest.approx(sum(part.weight * part.calibrated for part in told.parts), abs=1e-9)
        assert [part.weight for part in told.parts] == [0.7, 0.3]
    barred = engine.explain(Query(exclude=frozenset({"i7"})), "i7", composer=composer)
    assert barred.rank is None
    plain = engine.explain(Query(images=(QueryImage(id="i7"),)), "i7")
    assert (plain.rank, plain.composer) == (1, "image")
    assert plain.parts[0].contribution == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(QueryError, match="no item 'none'"):
        engine.explain(Query(images=(QueryImage(id="i7"),)), "none")


def test_two_fields_where_some_items_lack_one(tmp_path):
    store = gallery(tmp_path, ROWS)
    captions = random_rows(300, seed=11)
    with store.writer("test") as writer:
        writer.add_field(Field("caption", "tiny", {}, "tiny-0", 16, origin="column:caption"))
        writer.fill("caption", ((row, captions[row][None]) for row in range(0, 300, 3)))
    engine = Engine(store, TinyEncoder())

    class Both(Ask):
        def compose(self, queries, encoder, gallery):
            probes = (Probe("image", ASKED[:1], 0.5), Probe("caption", ASKED[:1], 0.5))
            return Probes(probes, Fusion("both", "linear"))

    found = engine.search([Query()], composer=Both(), k=20)[0]
    told = captions[::3].astype(np.float64) @ ASKED[0]
    scores = 0.5 * (ROWS.astype(np.float64) @ ASKED[0]) + 0.5 * told.mean()
    scores[::3] += 0.5 * told - 0.5 * told.mean()
    assert found.ranking.positions.tolist() == np.argsort(-scores)[:20].tolist()
    assert found.ranking.scores == pytest.approx(np.sort(scores)[::-1][:20], abs=1e-6)
    assert found.notes == ("200 items lack the field 'caption': they count as average there.",)
    alone = engine.search([Query()], composer=Ask(ASKED[:1], field="caption"), k=300)[0].ranking
    assert sorted(alone.positions.tolist()) == list(range(0, 300, 3))

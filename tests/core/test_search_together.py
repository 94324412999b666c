"""Many filtered queries at once are scanned together, and answer as each does alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldglass.collection import Collection
from fieldglass.composers.branches import Branch, combined
from fieldglass.composers.scores import clamped_product, weighted_z
from fieldglass.composers.weicom import calibrated_sum
from fieldglass.search import Engine
from fieldglass.store import Field, Store
from fieldglass.types import Fusion, Probe, Probes, ProbeScores, Query, QueryImage, QueryText
from galleries import random_rows
from tiny import TinyEncoder


def test_filtered_queries_answer_as_they_do_alone(tmp_path):
    count, encoder = 600, TinyEncoder()
    vectors = np.random.default_rng(0).normal(size=(count, encoder.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"i{row}" for row in range(count)]
    store = Store.create(tmp_path / "c")
    with store.writer("test") as writer:
        writer.add_field(Field("image", "tiny", {}, encoder.fingerprint, encoder.dim))
        writer.append_bulk(writer.add_source("s", Path(tmp_path), "files", {}), ids, vectors)
        writer.put_metadata((name, {"kind": "abc"[row // 200], "odd": row % 2}) for row, name in enumerate(ids))
    words = ("red", "green", "blue", "dark", "bright")
    wheres = ("kind = 'a'", "kind = 'b'", "odd = 1", "kind = 'c' AND odd = 1", None)
    queries = [
        Query((QueryImage(f"i{row}"),), (QueryText(words[row % 5]),), where=wheres[row % len(wheres)], id=str(row))
        for row in range(40)
    ]
    with Collection(store, encoder=encoder) as collection:
        for composer in ("sum", "weicom"):
            engine = collection.engine
            together = list(engine.rank(queries, composer, k=7))
            alone = [next(iter(engine.rank([query], composer, k=7))) for query in queries]
            for one, other in zip(together, alone, strict=True):
                assert one.positions.tolist() == other.positions.tolist()
                assert np.allclose(one.scores, other.scores, rtol=1e-6)  # sentences are encoded together, too


@pytest.fixture(scope="module")
def two_fields(tmp_path_factory):
    """700 items, some alike, of which every fourth lacks the second field."""
    folder, encoder = tmp_path_factory.mktemp("two"), TinyEncoder()
    rows = random_rows(700, encoder.dim, seed=1)
    rows[500:520] = rows[:20]
    store = Store.create(folder / "c")
    with store.writer("test") as writer:
        for name in ("image", "words"):
            writer.add_field(Field(name, "tiny", {}, encoder.fingerprint, encoder.dim))
        source = writer.add_source("s", folder, "files", {})
        ids = [f"i{row}" for row in range(700)]
        writer.append_bulk(source, ids, rows, field="image")
        writer.put_metadata((name, {"kind": "abc"[row // 250]}) for row, name in enumerate(ids))
        writer.fill("words", ((row, rows[-row][None]) for row in range(700) if row % 4))
    return Engine(store, encoder)


class Given:
    """Probes of given vectors; `only(row)` asks one of its queries alone."""

    requires = frozenset()

    def __init__(self, probes: Probes):
        self.probes = probes

    def compose(self, queries, encoder, gallery):
        return self.probes

    def only(self, row: int) -> Given:
        listed = [Probe(each.field, each.vectors[row : row + 1], each.weight) for each in self.probes.probes]
        return Given(Probes(tuple(listed), self.probes.fusion))


COUNT = 24
PICTURES, WORDS = (random_rows(COUNT, TinyEncoder().dim, seed=seed) for seed in (2, 3))


def _some(vectors):
    """Every third query lacks the probe."""
    found = vectors.copy()
    found[::3] = 0
    return found


def _pair(fusion, first=0.6, second=0.4, field="image"):
    return Probes((Probe("image", PICTURES, first), Probe(field, WORDS, second)), fusion)


FUSED = {
    "one": Probes((Probe("image", PICTURES),), Fusion("one", "linear")),
    "two fields": _pair(Fusion("sum", "linear"), field="words"),
    "weicom": _pair(Fusion("weicom", "moments", calibrated_sum)),
    "weicom of two fields": _pair(Fusion("weicom", "moments", calibrated_sum), field="words"),
    "away": _pair(Fusion("zscore", "moments", weighted_z), second=-0.7),
    "away in another field": _pair(Fusion("weicom", "moments", calibrated_sum), second=-0.7, field="words"),
    "product": _pair(Fusion("product", "moments", clamped_product), 1.0, 1.0),
    "branches": combined(
        [
            Branch(
                (Probe("image", PICTURES, 0.5), Probe("words", WORDS, 0.5)),
                Fusion("weicom", "moments", calibrated_sum),
                1.0,
            ),
            Branch((Probe("image", _some(WORDS), 1.0),), Fusion("zscore", "moments", weighted_z), 0.5),
        ],
        "branches",
    ),
}


@pytest.mark.parametrize("where", [None, "kind = 'b'"])
@pytest.mark.parametrize("k", [5, 200, 900])
@pytest.mark.parametrize("name", FUSED)
def test_many_queries_answer_as_each_does_alone(two_fields, name, k, where):
    asked = Given(FUSED[name])
    together = two_fields.search([Query(where=where)] * COUNT, composer=asked, k=k)
    for row in range(0, COUNT, 5):
        (alone,) = two_fields.search([Query(where=where)], composer=asked.only(row), k=k)
        assert together[row].ranking.positions.tolist() == alone.ranking.positions.tolist()
        assert together[row].ranking.scores == pytest.approx(alone.ranking.scores, abs=1e-12)


def test_matches_asked_often_are_calibrated_by_their_moments_to_the_same_scores(two_fields):
    asked, view, where = Given(FUSED["weicom of two fields"]), two_fields.view(), "kind = 'a'"
    matches = np.flatnonzero(view.select(where) & view.present("words"))

    def scores(row):
        found = two_fields.search([Query(where=where)], composer=asked.only(row), calibrate="matches")
        return found[0].ranking.scores

    first = [scores(row) for row in range(5)]
    assert view.matched("words", where, matches, 0) is None
    for row in range(TinyEncoder().dim):
        scores(row)
    assert view.matched("words", where, matches, 0) is not None
    assert np.array([scores(row) for row in range(5)]) == pytest.approx(np.array(first), abs=1e-12)


def test_scores_of_several_queries_at_once_have_the_z_of_each():
    values = np.random.default_rng(4).normal(size=(3, 5))
    mean, std = np.array([[0.1], [0.2], [0.0]]), np.array([[0.5], [0.0], [2.0]])
    found = ProbeScores(values, np.ones(5, dtype=bool), 1.0, mean, std)
    assert found.z[0] == pytest.approx((values[0] - 0.1) / 0.5)
    assert found.z[1].tolist() == [0.0] * 5
    assert found.asked.tolist() == [[True], [True], [True]]
    assert ProbeScores(values[0], np.ones(5, dtype=bool), 1.0, 0.0, 0.0).asked == np.False_

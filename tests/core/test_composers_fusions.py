"""Fusions of picture and text scores: the published golden values, their ends, their weights, what they refuse."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fieldglass.composers.fusions import Percentile, Product, Rrf, ZScore, reciprocal_ranks
from fieldglass.composers.scores import percentile, rank
from fieldglass.errors import QueryError, UsageError
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.testing import ComposerContract
from fieldglass.types import ProbeScores, Query, QueryText
from galleries import gallery, wave
from given_vectors import GALLERY, PICTURE, TEXT, GivenVectors, picture, query

FUSIONS = ["product", "percentile", "zscore", "rrf"]


class TestProduct(ComposerContract):
    composer = "product"


class TestPlainProduct(ComposerContract):
    composer = "product"
    options: ClassVar = {"clamp": False}


class TestPercentile(ComposerContract):
    composer = "percentile"


class TestZScore(ComposerContract):
    composer = "zscore"


class TestRrf(ComposerContract):
    composer = "rrf"


@pytest.fixture
def engine(tmp_path):
    field = Field("image", "given", {}, "given", 4)
    return Engine(gallery(tmp_path, GALLERY, field=field), GivenVectors({"t": TEXT, "other": wave(12)}))


def ask(engine, composer, what=None, **options):
    found = engine.search([what or query()], composer=composer, options=options, k=6)[0].ranking
    scores = dict(zip(found.positions.tolist(), found.scores.tolist(), strict=True))
    return found.positions.tolist(), [scores[row] for row in range(6)]


def test_zscore_gives_the_golden_values(engine):
    order, scores = ask(engine, "zscore")
    assert order == [2, 5, 0, 3, 4, 1]
    assert scores == pytest.approx([0.077699, -0.563277, 0.582774, -0.294333, -0.338722, 0.535858], abs=1e-6)


def test_product_gives_the_golden_values(engine):
    order, scores = ask(engine, "product")
    assert order[:2] == [5, 2]
    assert scores == pytest.approx([0, 0, 0.058291, 0, 0, 0.178563], abs=1e-6)
    assert ask(engine, "product", clamp=False)[0] == [5, 2, 1, 4, 0, 3]


def test_percentile_by_hand(engine):
    # rows by picture, worst first: 3 0 1 5 4 2; by text: 4 1 2 5 3 0
    by_picture = np.array([1, 2, 5, 0, 4, 3])
    by_text = np.array([5, 1, 2, 4, 0, 3])
    _, scores = ask(engine, "percentile", text_weight=0.25)
    assert scores == pytest.approx((0.75 * (by_picture + 0.5) + 0.25 * (by_text + 0.5)) / 6, abs=1e-9)


def test_rrf_gives_the_golden_values(engine):
    both = np.ones(2, dtype=bool)
    one = ProbeScores(np.array([2.0, 1.0]), both, 1.0, 0.0, 1.0)

    three = np.array([3.0, 2.0, 1.0])
    lists = [ProbeScores(each, np.ones(3, dtype=bool), 1.0, 0.0, 1.0) for each in (three, np.array([1.0, 2.0, 3.0]))]
    assert reciprocal_ranks(tuple(lists), 1) == pytest.approx([0.75, 0.666667, 0.75], abs=1e-6)
    assert reciprocal_ranks((one, one), 1) == pytest.approx([1.0, 2 / 3])
    by_picture = np.array([5, 4, 1, 6, 2, 3])
    by_text = np.array([1, 5, 4, 2, 6, 3])
    _, scores = ask(engine, "rrf", k=1)
    assert scores == pytest.approx(1 / (1 + by_picture) + 1 / (1 + by_text), abs=1e-9)


def test_an_item_without_the_field_is_in_no_list():
    there = np.array([True, False, True])
    found = reciprocal_ranks((ProbeScores(np.array([0.1, 0.9, 0.3]), there, 1.0, 0.0, 1.0),), 0)
    assert found == pytest.approx([0.5, 0.0, 1.0])


def test_equal_scores_share_a_rank_and_a_percentile():
    values = np.array([3.0, 1.0, 3.0, 2.0])
    assert rank(values).tolist() == [1, 4, 1, 3]
    assert percentile(values) == pytest.approx([0.75, 0.125, 0.75, 0.375])


@pytest.mark.parametrize("composer", FUSIONS)
def test_the_ends_rank_as_one_part_alone(engine, composer):
    clamped = {"product": 2}.get(composer, 6)  # a clamped product cannot order what is below 0
    for weight, alone in ((0.0, "image"), (1.0, "text")):
        assert ask(engine, composer, text_weight=weight)[0][:clamped] == ask(engine, alone)[0][:clamped]


@pytest.mark.parametrize("composer", FUSIONS)
def test_several_pictures_a_negative_text_and_weights(engine, composer):
    one = Query(
        images=(picture(PICTURE, weight=2.0), picture(wave(13))),
        texts=(QueryText("t"), QueryText("other", role="negative", weight=0.5)),
    )
    mixed = GivenVectors({"t": TEXT - 0.5 * wave(12)})
    same = Query(images=(picture(2 * PICTURE + wave(13)),), texts=(QueryText("t"),))
    merged = Engine(engine.store, mixed)
    field = merged.store.snapshot().fields["image"].fingerprint
    assert field == mixed.fingerprint
    normal = Query(
        images=(picture((2 * PICTURE + wave(13)) / np.linalg.norm(2 * PICTURE + wave(13))),), texts=same.texts
    )
    assert ask(engine, composer, one)[1] == pytest.approx(ask(merged, composer, normal)[1], abs=1e-5)


def test_options_that_cannot_be_used():
    for made in (Product, Percentile, ZScore, Rrf):
        with pytest.raises(UsageError, match="text_weight"):
            made(text_weight=1.5)
    with pytest.raises(UsageError, match="no weights"):
        Product(clamp=False, text_weight=0.3)
    with pytest.raises(UsageError, match="k is added"):
        Rrf(k=-1)


@pytest.mark.parametrize("composer", FUSIONS)
def test_each_needs_both_parts(engine, composer):
    with pytest.raises(QueryError, match="needs a text"):
        ask(engine, composer, Query(images=(picture(),)))
    with pytest.raises(QueryError, match="needs a picture"):
        ask(engine, composer, Query(texts=(QueryText("t"),)))

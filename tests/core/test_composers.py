"""The built-in composers: the published golden values, their ends, their weights, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldglass.composers.linear import Slerp, Sum, slerp
from fieldglass.composers.normal import normal_cdf
from fieldglass.composers.single import Image, Text
from fieldglass.composers.weicom import WeiCom, calibrated_sum
from fieldglass.errors import QueryError, UsageError
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.types import ProbeScores, Query, QueryImage, QueryText, Sample
from galleries import gallery, unit, wave
from tiny import TinyEncoder

GALLERY = np.stack([wave(row) for row in range(6)])
PICTURE, TEXT = wave(10), wave(11)


class Golden:
    """An encoder whose only picture and only text are those of the golden fixture."""

    name, fingerprint, dim, rows, dtype, accepts = "golden", "golden", 4, 1, "f32", ()

    def texts(self, texts):
        return np.stack([TEXT for _ in texts]).astype(np.float32)

    def as_query(self, rows):
        return np.stack([PICTURE for _ in rows]).astype(np.float32)


@pytest.fixture
def golden(tmp_path):
    field = Field("image", "golden", {}, "golden", 4)
    return Engine(gallery(tmp_path, GALLERY, field=field), Golden())


QUERY = Query(images=(QueryImage(id="i0"),), texts=(QueryText("t"),))


def answer(engine, composer, **options):
    found = engine.search([QUERY], composer=composer, options=options, k=6)[0].ranking
    return found.positions.tolist(), dict(zip(found.positions.tolist(), found.scores.tolist(), strict=True))


@pytest.mark.parametrize(
    ("weight", "scores", "order"),
    [
        (0.3, [0.385831, 0.377427, 0.765667, 0.293507, 0.545106, 0.700595], [2, 5, 4, 0, 1, 3]),
        (0.5, [0.519327, 0.310093, 0.683174, 0.437812, 0.416252, 0.703918], [5, 2, 0, 3, 4, 1]),
    ],
)
def test_weicom_gives_the_golden_values(golden, weight, scores, order):
    found, by_row = answer(golden, "weicom", text_weight=weight)
    assert found == order
    assert [by_row[row] for row in range(6)] == pytest.approx(scores, abs=2e-6)


def test_sum_gives_the_golden_order(golden):
    assert answer(golden, "sum")[0] == [5, 2, 0, 3, 4, 1]


def test_image_and_text_give_the_golden_scores(golden):
    _, by_row = answer(golden, "image")
    assert [by_row[row] for row in range(6)] == pytest.approx(
        [-0.603017, -0.062356, 0.759714, -0.944680, 0.383262, 0.301814], abs=2e-6
    )
    _, by_row = answer(golden, "text")
    assert [by_row[row] for row in range(6)] == pytest.approx(
        [0.999869, -0.769003, 0.076727, 0.822220, -0.971860, 0.591632], abs=2e-6
    )


def test_slerp_gives_the_golden_vector():
    found = slerp(unit(PICTURE[None]), unit(TEXT[None]), 0.5)
    assert found[0] == pytest.approx([0.501593, -0.130734, -0.642864, -0.563949], abs=2e-6)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_slerp_of_a_vector_with_itself_is_itself_and_of_opposites_is_refused():
    row = unit(PICTURE[None])
    assert slerp(row, row, 0.3) == pytest.approx(row, abs=1e-6)
    with pytest.raises(QueryError, match="cancel out"):
        slerp(row, -row, 0.5)


@pytest.mark.parametrize(("composer", "options"), [("weicom", {}), ("sum", {}), ("slerp", {})])
def test_the_ends_rank_as_one_part_alone(golden, composer, options):
    assert answer(golden, composer, text_weight=0.0, **options)[0] == answer(golden, "image")[0]
    assert answer(golden, composer, text_weight=1.0, **options)[0] == answer(golden, "text")[0]


def test_options_may_be_strings_and_are_checked(golden):
    assert answer(golden, "weicom", text_weight="0.3")[0] == [2, 5, 4, 0, 1, 3]
    for composer in (Sum, Slerp, WeiCom):
        with pytest.raises(UsageError, match="0 to 1"):
            composer(text_weight=1.5)


def test_equal_scores_count_half():
    flat = ProbeScores(np.full(3, 0.2), np.ones(3, dtype=bool), 0.4, 0.2, 0.0)
    assert calibrated_sum((flat,)).tolist() == [0.2, 0.2, 0.2]


@given(st.floats(-12, 12))
def test_the_normal_distribution_function_is_exact(z):
    assert normal_cdf(np.array([z]))[0] == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2)), abs=1e-12)


def test_the_normal_distribution_function_never_falls():
    assert (np.diff(normal_cdf(np.linspace(-9, 9, 100_001))) >= 0).all()


# Several pictures, negatives, files and ids


@pytest.fixture
def tiny(tmp_path):
    encoder = TinyEncoder()
    colours = np.random.default_rng(0).integers(0, 255, (40, 3))
    vectors = encoder.images([encoder.prepare(picture(colour)) for colour in colours])
    return Engine(gallery(tmp_path, vectors), encoder), [picture(colour) for colour in colours]


def picture(colour):
    return Sample("image", np.zeros((9, 9, 3), dtype=np.uint8) + np.array(colour, dtype=np.uint8))


def ranked(engine, query, composer, k=40, **options):
    return engine.search([query], composer=composer, options=options, k=k)[0].ranking


@pytest.mark.parametrize("composer", ["image", "sum", "slerp", "weicom"])
def test_a_file_and_the_id_of_that_file_rank_identically(tiny, composer):
    engine, pictures = tiny
    texts = (QueryText("red"),)
    by_id = ranked(engine, Query(images=(QueryImage(id="i7"),), texts=texts), composer)
    by_file = ranked(engine, Query(images=(QueryImage(sample=pictures[7]),), texts=texts), composer)
    assert by_id.ids == by_file.ids
    assert by_id.scores.tolist() == by_file.scores.tolist()


@pytest.mark.parametrize("dtype", ["f16", "bits"])
def test_a_file_is_rounded_as_the_collection_rounds(tmp_path, dtype):
    class Rounded(TinyEncoder):
        pass

    encoder = Rounded()
    encoder.dtype = dtype
    pictures = [picture(colour) for colour in np.random.default_rng(1).integers(0, 255, (30, 3))]
    vectors = encoder.images([encoder.prepare(each) for each in pictures])
    engine = Engine(gallery(tmp_path, vectors, field=Field("image", "tiny", {}, "tiny-0", 16, dtype=dtype)), encoder)
    by_id = ranked(engine, Query(images=(QueryImage(id="i3"),)), "image")
    by_file = ranked(engine, Query(images=(QueryImage(sample=pictures[3]),)), "image")
    assert by_id.ids == by_file.ids
    assert by_id.scores.tolist() == by_file.scores.tolist()


def test_several_pictures_add_up_with_their_weights(tiny):
    engine, _ = tiny
    gallery_rows = engine.view().vectors("image", np.arange(40))[:, 0].astype(np.float64)
    wanted = 2 * gallery_rows[1] + gallery_rows[2] - 0.5 * gallery_rows[3]
    wanted /= np.linalg.norm(wanted)
    query = Query(
        images=(QueryImage(id="i1", weight=2), QueryImage(id="i2"), QueryImage(id="i3", role="negative", weight=0.5))
    )
    found = ranked(engine, query, "image")
    assert found.scores == pytest.approx(np.sort(gallery_rows @ wanted)[::-1], abs=1e-6)


def test_a_negative_text_pushes_away(tiny):
    engine, _ = tiny
    plain = ranked(engine, Query(texts=(QueryText("bright"),)), "text")
    pushed = ranked(engine, Query(texts=(QueryText("bright"), QueryText("red", role="negative"))), "text")
    red = engine.encoder.texts(["red"])[0]
    rows = engine.view().vectors("image", np.arange(40))[:, 0]
    assert (rows[pushed.positions[:5]] @ red).mean() < (rows[plain.positions[:5]] @ red).mean()


def test_a_place_is_a_picture_of_the_query(tiny):
    engine, _ = tiny
    found = engine.search([Query(place=(48.1, 11.6))], k=3)[0]
    assert found.composer == "image"
    with pytest.raises(QueryError, match="no place"):
        engine.search([Query(place=(91.0, 0.0))])


def test_what_is_missing_is_said(tiny):
    engine, _ = tiny
    with pytest.raises(QueryError, match="needs a picture, and query 2 of 2"):
        engine.search([Query(images=(QueryImage(id="i1"),)), Query(texts=(QueryText("red"),))], composer="image")
    with pytest.raises(QueryError, match="needs a text"):
        engine.search([Query(images=(QueryImage(id="i1"),))], composer="weicom")
    with pytest.raises(QueryError, match="no item 'nowhere'"):
        engine.search([Query(images=(QueryImage(id="nowhere"),))])
    with pytest.raises(QueryError, match="empty"):
        engine.search([Query(texts=(QueryText("  "),))])
    with pytest.raises(QueryError, match="Nothing is asked for"):
        engine.search([Query()])
    same = (QueryImage(id="i1"), QueryImage(id="i1", role="negative"))
    with pytest.raises(QueryError, match="cancel out"):
        engine.search([Query(images=same)])


def test_text_needs_an_encoder_that_reads(golden):
    class Blind:
        name, fingerprint, dim, rows, dtype, accepts = "blind", "golden", 4, 1, "f32", ()

    engine = Engine(golden.store, Blind())
    assert Image().requires == frozenset()
    assert Text().requires == {"texts"}
    with pytest.raises(QueryError, match="needs texts"):
        engine.search([Query(texts=(QueryText("red"),))])


def test_as_query_splits_a_space_of_two_blocks(tmp_path):
    """mini's layout: gallery [v, s] / sqrt 2, pictures asked as [v, 0], texts as [0, t]."""
    random = np.random.default_rng(2)
    v, s = unit(random.standard_normal((20, 6))), unit(random.standard_normal((20, 4)))
    rows = np.hstack([v, s]) / np.sqrt(np.float32(2))

    class Blocks:
        name, fingerprint, dim, rows, dtype, accepts = "blocks", "golden", 10, 1, "f32", ()

        def as_query(self, stored):
            return unit(np.hstack([stored[:, 0, :6], np.zeros((len(stored), 4))]))

        def texts(self, texts):
            return np.hstack([np.zeros((len(texts), 6)), s[: len(texts)]]).astype(np.float32)

    engine = Engine(gallery(tmp_path, rows, field=Field("image", "blocks", {}, "golden", 10)), Blocks())
    found = ranked(engine, Query(images=(QueryImage(id="i4"),)), "image", k=20)
    assert found.positions.tolist() == np.argsort(-(v @ v[4])).tolist()
    found = ranked(engine, Query(texts=(QueryText("x"),)), "text", k=20)
    assert found.positions.tolist() == np.argsort(-(s @ s[0])).tolist()

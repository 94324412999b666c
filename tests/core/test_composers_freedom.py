"""FreeDom: the golden values, the query as its own proxy, word lists, and what is refused."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fieldglass.composers.freedom import FreeDom, common
from fieldglass.composers.near_words import nearest_words
from fieldglass.composers.vocabulary import load_words, word_vectors
from fieldglass.errors import QueryError, UsageError
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.testing import ComposerContract
from fieldglass.types import Query, QueryText
from galleries import gallery, wave
from given_vectors import GALLERY, PICTURE, GivenVectors, picture, query

WORDS = [f"w{number}" for number in range(10)]
TEXTS = {word: wave(20 + number) for number, word in enumerate(WORDS)}
TEXTS |= {f"{word} sketch": TEXTS[word] + wave(31) for word in WORDS}
TEXTS |= {"refused": wave(31)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# ten words\n" + "\n".join(WORDS) + "\n\nw0\n", "utf-8")
    return str(path)


@pytest.fixture
def engine(tmp_path):
    field = Field("image", "given", {}, "given", 4)
    return Engine(gallery(tmp_path, GALLERY, field=field), GivenVectors(TEXTS))


class TestFreeDom(ComposerContract):
    composer = "freedom"
    options: ClassVar = {"words": "styles", "proxies": 5}


GOLDEN = {"proxies": 3, "n": 3, "kept": 2, "own_proxy": False}


def test_the_golden_values(engine, words):
    found = engine.search([query("sketch")], composer="freedom", options={**GOLDEN, "words": words}, k=6)[0].ranking
    assert found.positions.tolist() == [1, 4, 3, 0, 5, 2]
    assert found.scores[np.argsort(found.positions)] == pytest.approx(
        [-0.085319, 0.239515, -0.272936, 0.078175, 0.149978, -0.268168], abs=2e-6
    )


def test_the_golden_words():
    vectors = np.stack([TEXTS[word] for word in WORDS]).astype(np.float32)
    for proxy, three in zip(GALLERY[[2, 4, 5]], ([4, 7, 1], [6, 3, 9], [7, 4, 2]), strict=True):
        assert nearest_words(proxy[None].astype(np.float32), vectors, 3).tolist() == [three]
    listed = nearest_words(GALLERY[[2, 4, 5]].astype(np.float32), vectors, 3)
    assert common(listed, 3) == [(4, 1.0), (7, 1.0), (1, 0.5)]


def test_the_nearest_words_are_those_of_a_sort_whoever_else_asks():
    random = np.random.default_rng(0)
    words, rows = (random.normal(size=(count, 24)).astype(np.float32) for count in (1000, 150))
    words[500] = words[3]  # of equals the first
    found = nearest_words(rows, words, 7)
    exact = rows.astype(np.float64) @ words.T.astype(np.float64)
    assert np.array_equal(found, np.argsort(-exact, axis=1, kind="stable")[:, :7])
    assert all(np.array_equal(nearest_words(rows[n : n + 1], words, 7)[0], found[n]) for n in range(len(rows)))
    assert nearest_words(rows, words[:5], 7).shape == (150, 5)


def test_a_picture_from_elsewhere_is_its_own_proxy_and_an_item_is_not_twice(engine, words):
    def composed(what, **options):
        made = FreeDom(words=words, **{**GOLDEN, "proxies": 1, **options})
        return made.compose([what], engine.encoder, engine.view()).probes[0].vectors

    outside, inside = query("sketch"), query("sketch", vector=GALLERY[2])
    assert np.array_equal(composed(outside, own_proxy=None), composed(outside, own_proxy=True))
    assert not np.array_equal(composed(outside, own_proxy=None), composed(outside, own_proxy=False))
    assert np.array_equal(composed(inside, own_proxy=None), composed(inside, own_proxy=False))


def test_a_gallery_of_one_and_more_than_there_is(tmp_path, words):
    field = Field("image", "given", {}, "given", 4)
    engine = Engine(gallery(tmp_path, GALLERY[:1], field=field), GivenVectors(TEXTS))
    options: ClassVar = {"proxies": 50, "n": 50, "kept": 50, "words": words}
    assert len(engine.search([query("sketch")], composer="freedom", options=options)[0].ranking.positions) == 1


def test_several_pictures_and_a_refused_text(engine, words):
    made = FreeDom(words=words, **GOLDEN)
    two = Query(images=(picture(PICTURE, weight=3.0), picture(wave(13))), texts=(QueryText("sketch", role="domain"),))
    less = Query(images=two.images, texts=(*two.texts, QueryText("refused", role="negative", weight=0.5)))
    vectors = made.compose([two, less], engine.encoder, engine.view()).probes[0].vectors
    expected = vectors[0] / np.linalg.norm(vectors[0]) - 0.5 * wave(31)
    assert vectors[1] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_vectors_of_words_are_kept_and_made_again_where_the_file_is_damaged(tmp_path):
    encoder = GivenVectors(TEXTS)
    first = word_vectors(WORDS, encoder)
    (kept,) = (tmp_path / "cache" / "words").iterdir()
    assert np.array_equal(word_vectors(WORDS, GivenVectors({})), first)
    kept.write_bytes(kept.read_bytes()[:100])
    assert np.array_equal(word_vectors(WORDS, encoder), first)


def test_bundled_lists_and_files_that_are_no_lists(tmp_path):
    assert len(load_words("nouns")) > 10_000 and {"zebra", "teapot"} <= set(load_words("nouns"))
    assert len(load_words("subjects")) > 900 and "an oil painting" in load_words("styles")
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    for name, why in (("empty.txt", "is empty"), ("binary.txt", "cannot be read"), ("none.txt", "cannot be read")):
        with pytest.raises(UsageError, match=why):
            load_words(str(tmp_path / name))


def test_what_is_refused(engine, words):
    with pytest.raises(UsageError, match="1 or more"):
        FreeDom(proxies=0)
    with pytest.raises(QueryError, match="empty"):
        engine.search([query(" ")], composer="freedom", options={"words": words})
    with pytest.raises(QueryError, match="needs a text"):
        engine.search([Query(images=(picture(),))], composer="freedom", options={"words": words})

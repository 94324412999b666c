"""The facade: create, index, search, change, and results that show their pictures."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import fieldglass
from fieldglass.errors import (
    CollectionError,
    FilterError,
    FingerprintError,
    NotACollectionError,
    QueryError,
    UsageError,
)
from plugged import COLOURS, paint, site  # noqa: F401


@pytest.fixture
def pictures(tmp_path):
    return paint(tmp_path / "Bilder für alle")


@pytest.fixture
def collection(site, tmp_path, pictures):
    with fieldglass.create(tmp_path / "c.collection", "tiny") as made:
        report = made.index(pictures)
        assert (report.new, report.problems) == (len(COLOURS), 0)
        yield made


def test_five_lines(collection):
    c = fieldglass.open(collection.path)
    result = c.search(text="red", k=3)
    assert [hit.rank for hit in result] == [1, 2, 3]
    assert result[0].id == "red.png"
    assert result[0].score > result[1].score > result[2].score
    assert len(result) == 3 and result[:2] == result.hits[:2]
    assert repr(c).endswith("c.collection': 6 items>") and len(c) == 6


def test_a_hit_has_its_picture_and_path(collection, pictures):
    hit = collection.search(text="blue", k=1)[0]
    assert hit.path == pictures / "blue.png"
    with Image.open(io.BytesIO(hit.thumbnail)) as preview:
        assert preview.format == "WEBP"
        assert np.asarray(preview.convert("RGB")).mean(axis=(0, 1))[2] > 180
    html = collection.search(image=pictures / "red.png", text="blue", k=2)._repr_html_()
    assert html.count("data:image/webp;base64,") == 3


def test_a_result_outlives_its_collection(site, collection):
    with fieldglass.open(collection.path) as c:
        result = c.search(text="blue", k=2)
    collection.delete(["blue.png"])
    assert result[0].id == "blue.png" and result[0].thumbnail
    assert result._repr_html_().count("data:image/webp;base64,") == 2


def test_every_way_to_give_a_picture_is_the_same(collection, pictures):
    path = pictures / "pink.png"
    opened = Image.open(path)
    ways = [path, str(path), path.read_bytes(), opened, np.asarray(opened), np.asarray(opened) / 255, [path]]
    answers = [[(hit.id, round(hit.score, 5)) for hit in collection.search(image=way)] for way in ways]
    assert all(answer == answers[0] for answer in answers)
    like = [(hit.id, round(hit.score, 5)) for hit in collection.search(like="pink.png")]
    assert like == answers[0]


def test_transparent_pictures_lie_on_white(collection):
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    assert collection.search(image=clear, k=1)[0].id == "bright.png"


@pytest.mark.parametrize(
    "thing",
    ["nothing there.png", b"", b"not a picture", np.zeros((4, 4, 7), np.uint8), np.full((4, 4, 3), np.nan), 7, "."],
)
def test_what_is_no_picture_is_refused(collection, thing):
    with pytest.raises(QueryError):
        collection.search(image=thing)


def test_exclude_self(collection, pictures):
    assert collection.search(image=pictures / "red.png")[0].id == "red.png"
    for query in ({"image": pictures / "red.png"}, {"like": "red.png"}, {"like": ["red.png", "blue.png"]}):
        ids = {hit.id for hit in collection.search(**query, exclude_self=True)}
        assert "red.png" not in ids
        assert len(ids) == 6 - len(np.atleast_1d(query.get("like", "red.png")))


def test_filter_only_exclude_and_minimum(collection):
    found = collection.search(text="red", where="name LIKE '%r%'")
    assert {hit.id for hit in found} == {"red.png", "green.png", "dark.png", "bright.png"}
    assert found.matched == 4
    ids = [hit.id for hit in collection.search(text="red", only=["blue.png", "green.png"], exclude=["green.png"])]
    assert ids == ["blue.png"]
    assert all(hit.score >= 0.2 for hit in collection.search(text="red", min_score=0.2))
    with pytest.raises(FilterError):
        collection.search(text="red", where="nmae = 'x'")
    with pytest.raises(QueryError):
        collection.search()
    with pytest.raises(QueryError, match="no item 'x'"):
        collection.search(like="x")


def test_a_negative_sentence_pushes_away(collection):
    plain = [hit.id for hit in collection.search(text="red")]
    pushed = [hit.id for hit in collection.search(text="red", not_text="bright")]
    assert plain.index("bright.png") <= pushed.index("bright.png")


def test_batch_equals_loop_even_for_mixed_questions(collection, pictures):
    asked = [{"text": "red"}, {"image": pictures / "blue.png"}, {"like": "red.png", "text": "dark"}, {"text": "green"}]
    batch = collection.answer([collection.ask(**each) for each in asked], k=4)
    for each, result in zip(asked, batch, strict=True):
        alone = collection.search(**each, k=4)
        assert (result.composer, [hit.id for hit in result]) == (alone.composer, [hit.id for hit in alone])
        np.testing.assert_allclose([hit.score for hit in result], [hit.score for hit in alone], atol=1e-6)
    assert [result.composer for result in batch] == ["text", "image", "weicom", "text"]


def test_threads_see_the_same(collection):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: [hit.id for hit in collection.search(text="green")], range(16)))
    assert all(each == found[0] for each in found)


def test_explain_adds_up(collection, pictures):
    question = collection.ask(image=pictures / "blue.png", text="dark")
    told = collection.explain("dark.png", question)
    (result,) = collection.answer([question])
    hit = next(hit for hit in result if hit.id == "dark.png")
    assert told.rank == hit.rank
    assert told.score == pytest.approx(hit.score, abs=1e-6)
    assert len(told.parts) == 2


def test_indexing_again_does_nothing_and_sees_changes(collection, pictures):
    assert collection.index(pictures).unchanged == 6
    paint(pictures, **{"zwei rote.png": "red"})
    (pictures / "pink.png").unlink()
    report = collection.index(pictures, prune=True)
    assert (report.new, report.unchanged, report.gone) == (1, 5, 1)
    assert {hit.id for hit in collection.search(text="red", k=2)} == {"red.png", "zwei rote.png"}


def test_delete_compact_verify(collection):
    assert collection.delete(["red.png", "blue.png", "none.png"]) == 2
    assert len(collection) == 4
    collection.compact()
    assert len(collection) == 4
    assert list(collection.verify()) == []
    assert "red.png" not in [hit.id for hit in collection.search(text="red")]


def test_a_second_source_has_a_prefix(collection, tmp_path):
    collection.index(paint(tmp_path / "more", **{"red.png": "red"}))
    assert {hit.id for hit in collection.search(text="red", k=2)} == {"red.png", "more/red.png"}
    found = collection.search(image=tmp_path / "more" / "red.png", exclude_self=True)
    assert "more/red.png" not in [hit.id for hit in found]


def test_another_encoder_is_refused_with_the_command(site, collection, tmp_path):
    with pytest.raises(FingerprintError, match=r"--to NEW.collection --encoder tiny --set seed=3"):
        collection.expect("tiny", {"seed": 3})
    collection.expect("tiny")
    with fieldglass.create(tmp_path / "seeded.collection", "tiny", {"seed": "3"}):
        pass
    assert fieldglass.open(tmp_path / "seeded.collection").encoder.fingerprint == "tiny-3"


def test_what_is_not_there(tmp_path, site):
    with pytest.raises(NotACollectionError):
        fieldglass.open(tmp_path / "none.collection")
    (tmp_path / "x.collection").mkdir()
    (tmp_path / "x.collection" / "file").write_text("mine")
    with pytest.raises(CollectionError):
        fieldglass.create(tmp_path / "x.collection", "tiny")
    assert (tmp_path / "x.collection" / "file").read_text() == "mine"
    with pytest.raises(LookupError):
        fieldglass.create(tmp_path / "new.collection", "tyni")
    with pytest.raises(UsageError):
        fieldglass.create(tmp_path / "new.collection", "tiny", field="no/name")
    assert not (tmp_path / "new.collection").exists()


def test_another_field_may_hold_the_pictures(site, tmp_path, pictures):
    with fieldglass.create(tmp_path / "p.collection", "tiny", field="pixels") as made:
        made.index(pictures)
        question = made.ask(like="red.png", text="dark")
        assert made.answer([question])[0].composer == "weicom"
        assert made.explain("dark.png", question).parts[0].field == "pixels"
    with pytest.raises(CollectionError, match="It has pixels"):
        fieldglass.open(tmp_path / "p.collection").search(text="red")
    assert len(fieldglass.open(tmp_path / "p.collection", field="pixels").search(text="red")) == 6


def test_an_empty_collection_answers_with_nothing(tmp_path, site):
    with fieldglass.create(tmp_path / "empty.collection", "tiny") as empty:
        assert list(empty.search(text="red")) == []


def test_info_has_the_keys_of_the_command_line(collection):
    found = collection.info()
    assert found["items"] == 6
    assert (found["encoder"], found["dim"], found["index"], found["problems"]) == ("tiny", 16, "exact", 0)
    assert found["segments"] >= 1 and found["bytes"] > 0

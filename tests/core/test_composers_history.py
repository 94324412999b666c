"""Composers that read a history: contracts, formulas against numpy, the ends of their options."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldglass.composers.chatir import ChatIr
from fieldglass.composers.decayed import Decayed
from fieldglass.composers.plugir import PlugIr
from fieldglass.composers.rocchio import Rocchio
from fieldglass.composers.weicom import WeiCom
from fieldglass.errors import EndpointError, QueryError, UsageError
from fieldglass.registry import registry
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.testing import ArrayGallery, ComposerContract
from fieldglass.testing.gallery import full_scan
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Query, QueryImage, QueryText
from galleries import gallery, unit, wave
from given_vectors import GALLERY, PICTURE, GivenVectors, picture
from llm_server import WRONG_JSON, serving, status

TEXTS = {name: wave(20 + place) for place, name in enumerate(("a", "b", "c", "a, b", "a, b, c"))}
ENCODER = GivenVectors(TEXTS)
VIEW = ArrayGallery([f"g{row}" for row in range(6)], {"image": GALLERY[:, None, :].astype(np.float32)})


def said(*texts, images=(), history=()):
    return Query(texts=tuple(QueryText(text) for text in texts), images=tuple(images), history=tuple(history))


def mark(id, role="positive", weight=1.0):
    return QueryImage(id=id, role=role, weight=weight)


def vector(composer, *queries):
    return composer.compose(queries, ENCODER, VIEW).probes[0].vectors


class WithHistory(ComposerContract):
    """The contract on queries of one, two and three turns, with marks."""

    def queries(self):
        first, second, third, fourth = super().queries()
        return [
            first,
            replace(second, history=(first,)),
            replace(third, history=(first, second)),
            replace(fourth, images=(*fourth.images, QueryImage(id="p9", role="negative")), history=(first,)),
        ]


class TestChatIr(WithHistory):
    composer = "chatir"
    parts = "text"

    def queries(self):
        return [replace(query, images=()) for query in super().queries()]


class TestDecayed(WithHistory):
    composer = "decayed"


class TestDecayedWeiCom(WithHistory):
    composer = "decayed"
    options: ClassVar = {"base": "weicom"}


class TestDecayedPercentile(WithHistory):
    composer = "decayed"
    options: ClassVar = {"base": "percentile"}


class TestRocchio(WithHistory):
    composer = "rocchio"


class TestRocchioOfChatIr(WithHistory):
    composer = "rocchio"
    options: ClassVar = {"base": "chatir"}


def test_they_say_that_they_read_a_history():
    offers = registry().offers("composers")
    assert {name for name, offer in offers.items() if "history" in offer.provides} >= {"chatir", "decayed", "rocchio"}


def test_chatir_joins_what_was_said():
    history = (said("a"), said("b"))
    found = vector(ChatIr(), said("c", history=history), said("b", history=history[:1]), said("a"))
    assert found == pytest.approx(unit(np.stack([TEXTS["a, b, c"], TEXTS["a, b"], TEXTS["a"]])), abs=1e-6)


def test_chatir_takes_off_what_is_refused():
    query = Query(texts=(QueryText("b"), QueryText("c", "negative", 0.5)), history=(said("a"),))
    wanted = unit(unit(TEXTS["a, b"][None]) - 0.5 * unit(TEXTS["c"][None]))
    assert vector(ChatIr(), query) == pytest.approx(wanted, abs=1e-6)


def test_chatir_without_a_word_is_refused():
    with pytest.raises(QueryError, match="no turn of the query says"):
        vector(ChatIr(), said(images=[mark("g1")]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 5)), min_size=1, max_size=5),
    st.floats(0.1, 1.0),
    st.floats(0.0, 2.0),
)
def test_decayed_is_its_formula(turns, gamma, refused):
    """Each turn a sentence and perhaps a refused picture, added up by hand."""
    queries = [said(text, images=[mark(f"g{row}", "negative")] if row >= 0 else ()) for text, row in turns]
    total = np.zeros(4)
    for age, (text, row) in enumerate(reversed(turns)):
        total += gamma**age * unit(TEXTS[text][None])[0]
        if row >= 0:
            total -= refused * gamma**age * unit(GALLERY[row][None])[0]
    if np.linalg.norm(total) < 0.05:
        return
    found = vector(Decayed(gamma=gamma, refused=refused), replace(queries[-1], history=tuple(queries[:-1])))
    assert found[0] == pytest.approx(total / np.linalg.norm(total), abs=1e-5)


def test_with_gamma_1_the_order_of_the_turns_does_not_matter():
    turns = [said("a"), said("b", images=[mark("g2", "reference")]), said(images=[mark("g4")])]
    one = vector(Decayed(gamma=1.0), replace(turns[2], history=tuple(turns[:2])))
    other = vector(Decayed(gamma=1.0), replace(turns[0], history=(turns[2], turns[1])))
    assert one == pytest.approx(other, abs=1e-6)


def test_a_turn_without_a_picture_takes_the_one_before_where_the_base_is_named():
    history = (Query(images=(picture(),)),)
    found = Decayed(base="weicom", gamma=0.5).compose([said("a", history=history)], ENCODER, VIEW)
    now, before = WeiCom().compose([said("a", images=[picture()])], ENCODER, VIEW), unit(PICTURE[None])
    assert [probe.vectors.shape for probe in found.probes] == [(1, 4)] * 3
    scores = full_scan(now, VIEW)[0]
    moments = full_scan(Decayed(base="weicom").compose([history[0]], ENCODER, VIEW), VIEW)[0]
    assert moments == pytest.approx(GALLERY @ before[0], abs=1e-5)  # one picture alone needs no fusion
    z = (GALLERY @ before[0] - (GALLERY @ before[0]).mean()) / (GALLERY @ before[0]).std(ddof=1)
    from scipy.stats import norm

    assert full_scan(found, VIEW)[0] == pytest.approx(scores + 0.5 * norm.cdf(z), abs=1e-5)


def test_a_fused_batch_is_ranked_by_the_engine_as_by_a_scan(tmp_path):
    engine = Engine(gallery(tmp_path, GALLERY, field=Field("image", "given", {}, "given", 4)), ENCODER)
    queries = [
        said("a", images=[picture()]),
        said("b", images=[picture(wave(3)), picture(wave(1), role="negative")], history=(said("a"),)),
        said("c", history=(said("a", images=[picture()]), said("b"))),
    ]
    composer = Decayed(base="weicom")
    scores = full_scan(composer.compose(queries, ENCODER, VIEW), VIEW)
    found = list(engine.rank(queries, composer, k=6))
    for ranking, wanted in zip(found, scores, strict=True):
        assert ranking.positions.tolist() == np.argsort(-wanted, kind="stable").tolist()
        assert ranking.scores == pytest.approx(np.sort(wanted)[::-1], abs=1e-5)


def test_rocchio_is_its_formula():
    query = said("b", images=[mark("g1"), mark("g2"), mark("g4", "negative")], history=(said("a"),))
    q = vector(Decayed(), said("b", history=(said("a"),)))[0].astype(np.float64)
    rows = unit(GALLERY)
    wanted = 0.9 * q + 0.6 * rows[[1, 2]].mean(axis=0) - 0.2 * rows[4]
    found = vector(Rocchio(alpha=0.9, beta=0.6, gamma=0.2), query)[0]
    assert found == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


def test_marks_alone_are_their_mean_and_none_is_refused():
    found = vector(Rocchio(), said(images=[mark("g1")], history=(said(images=[mark("g3")]),)))[0]
    wanted = unit(GALLERY)[[1, 3]].mean(axis=0)
    assert found == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-6)
    with pytest.raises(QueryError, match="no item is marked"):
        vector(Rocchio(), said(images=[mark("g1", "negative")]))


def test_the_last_mark_of_an_item_counts():
    turned = said("a", images=[mark("g1", "negative")], history=(said("a", images=[mark("g1")]),))
    plain = said("a", images=[mark("g1", "negative")], history=(said("a"),))
    assert np.array_equal(vector(Rocchio(), turned), vector(Rocchio(), plain))


def test_rocchio_without_marks_is_its_base():
    query = said("b", history=(said("a"),))
    assert vector(Rocchio(), query) == pytest.approx(vector(Decayed(), query), abs=1e-6)


class Halves(TinyEncoder):
    """Stored vectors of two halves, as mini's: how it looks and what it is."""

    def _half(self, rows, part):
        kept = np.zeros_like(rows[:, 0])
        kept[:, part] = rows[:, 0, part]
        return kept / np.linalg.norm(kept, axis=1, keepdims=True)

    def as_query(self, rows):
        return self._half(rows, slice(0, 8))

    def as_text(self, rows):
        return self._half(rows, slice(8, 16))


@pytest.mark.parametrize(("form", "empty"), [("picture", slice(8, 16)), ("description", slice(0, 8)), ("both", None)])
def test_what_a_mark_stands_for(form, empty):
    rows = unit(np.random.default_rng(0).normal(size=(5, 16))).astype(np.float32)
    view = ArrayGallery([f"g{row}" for row in range(5)], {"image": rows[:, None, :]})
    found = Rocchio(form=form).compose([said(images=[mark("g3")])], Halves(), view).probes[0].vectors[0]
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    if empty is None:
        halves = [part / np.linalg.norm(part) for part in (rows[3, :8], rows[3, 8:])]
        assert found == pytest.approx(np.concatenate(halves) / np.sqrt(2), abs=1e-6)
    else:
        assert not found[empty].any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Decayed(gamma=0),
        lambda: Decayed(gamma=1.5),
        lambda: Decayed(refused=-1),
        lambda: Rocchio(alpha=0, beta=0),
        lambda: Rocchio(gamma=float("nan")),
        lambda: Rocchio(form="sketch"),
    ],
)
def test_options_out_of_range_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_nothing_in_any_turn_is_refused():
    for composer in (Decayed(), Rocchio(), ChatIr()):
        with pytest.raises(QueryError):
            vector(composer, said(history=(said(),)))


class TestPlugIr(TestChatIr):
    composer = "plugir"


DIALOGUE = said("c", history=(said("a"), said("b")))


def asked_plugir(monkeypatch, tmp_path, *how, query=DIALOGUE, **options):
    """What plugir makes of a query with a model that answers `how`, and what it was asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path))
    with serving(*how) as server:
        composer = PlugIr(llm_url=server.url, llm_model=f"m-{tmp_path.name}", **options)
        return composer.compose([query], ENCODER, VIEW), server.asked


def test_plugir_searches_with_the_caption_that_the_model_writes(monkeypatch, tmp_path):
    found, asked = asked_plugir(monkeypatch, tmp_path, 'Caption: "a, b"\nThat is all.')
    assert found.probes[0].vectors[0] == pytest.approx(unit(TEXTS["a, b"][None])[0], abs=1e-6) and not found.notes
    content = asked[0][2]["messages"][-1]["content"]
    assert "said: a\nsaid: b\nsaid: c" in str(content).replace("\\n", "\n") and asked[0][2]["temperature"] == 0


def test_plugir_asks_nothing_for_a_first_turn(monkeypatch, tmp_path):
    found, asked = asked_plugir(monkeypatch, tmp_path, "b", query=said("a"))
    assert found.probes[0].vectors[0] == pytest.approx(unit(TEXTS["a"][None])[0], abs=1e-6) and not asked


@pytest.mark.parametrize("how", ["", "x" * 500, status(400, "no such model"), WRONG_JSON])
def test_plugir_joins_where_the_model_fails_and_says_so(monkeypatch, tmp_path, how):
    found, _ = asked_plugir(monkeypatch, tmp_path, how)
    assert found.probes[0].vectors[0] == pytest.approx(unit(TEXTS["a, b, c"][None])[0], abs=1e-6)
    assert any("joined as chatir" in note for note in found.notes)


def test_plugir_without_a_model_joins_unless_one_is_required(monkeypatch, tmp_path):
    for name in ("FIELDGLASS_LLM_URL", "FIELDGLASS_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)
    found = PlugIr().compose([DIALOGUE], ENCODER, VIEW)
    assert "no language model" in found.notes[0]
    with pytest.raises(UsageError, match="address and a name"):
        PlugIr(required=True)
    with pytest.raises(EndpointError):
        asked_plugir(monkeypatch, tmp_path, status(400), required=True)

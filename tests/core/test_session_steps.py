"""A session against the searches it amounts to: undo is replay, marks move items, a failed turn changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fieldglass
from coloured import collection, folder, ids, plugged, same  # noqa: F401
from fieldglass.errors import FilterError, QueryError, UnknownNameError, UsageError
from fieldglass.session import Session
from fieldglass.session.questions import depth, propose
from fieldglass.session.remembering import Remembering
from fieldglass.testing.tiny import WORDS, TinyEncoder
from fieldglass.types import Query, QueryImage, QueryText


def test_turns_are_one_query_with_a_history(collection, folder):
    session = Session(collection, k=5)
    session.start(text="red", where="width > 1")
    first = session.hits[0].id
    session.refine(like=1, not_like="blue1.png")
    found = session.refine(text="dark", image=folder / "green0.png")
    picture = collection.ask(image=folder / "green0.png").query.images[0]
    marks = (QueryImage(id=first, role="positive"), QueryImage(id="blue1.png", role="negative"))
    query = Query(
        images=(picture,),
        texts=(QueryText("dark"),),
        history=(Query(texts=(QueryText("red"),)), Query(images=marks)),
        where="width > 1",
        exclude=frozenset({"blue1.png"}),
    )
    (outcome,) = collection.engine.search([query], composer="rocchio", k=5)
    assert ids(found) == list(outcome.ranking.ids)
    assert [hit.score for hit in found] == pytest.approx(list(outcome.ranking.scores), abs=1e-6)
    asked = session.query
    assert (asked.texts, asked.history, asked.where, asked.exclude) == (
        query.texts,
        query.history,
        query.where,
        query.exclude,
    )
    assert Session(collection).query is None
    assert str(found.asked) == (f"{first} + not like blue1.png + green0.png + “red” + “dark” where width > 1")


STEP = st.one_of(
    st.builds(lambda word: {"text": word}, st.sampled_from(WORDS)),
    st.builds(lambda word: {"not_text": word, "text": "red"}, st.sampled_from(WORDS[1:])),
    st.builds(lambda hit: {"like": hit}, st.integers(1, 4)),
    st.builds(lambda hit: {"not_like": [hit]}, st.integers(1, 4)),
    st.builds(lambda where: {"where": where}, st.sampled_from(["", "id < 'red'", "width > 2"])),
    st.just("undo"),
    st.just("redo"),
    st.just("more"),
)
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def said(session, step):
    """One step; an undo with nothing to undo is passed over, as are marks that leave nothing to look for."""
    try:
        if isinstance(step, str):
            getattr(session, step)()
        else:
            session.refine(**step)
    except UsageError:
        return False
    return True


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(st.lists(STEP, max_size=10), st.sampled_from(["rocchio", "decayed"]))
def test_any_walk_is_the_replay_of_the_turns_that_are_left(collection, steps, updater):
    session = Session(collection, updater=updater, k=4)
    session.start(text="bright")
    for step in steps:
        before = session.turns, session.undone, ids(session.hits)
        if not said(session, step):
            assert (session.turns, session.undone, ids(session.hits)) == before
    if not session.turns:
        return
    again = Session(collection, updater=updater, k=4)
    for turn in session.turns:
        marks = [(each.image.role, each.image.id) for each in turn.pictures]
        again.refine(
            text=[each for each in turn.texts],
            like=[id for role, id in marks if role == "positive"],
            not_like=[id for role, id in marks if role == "negative"],
            where=turn.where,
        )
    count = len(again.hits)
    assert ids(session.hits)[:count] == ids(again.hits)


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(st.lists(STEP, min_size=1, max_size=5))
def test_undo_gives_back_what_was_there_and_redo_what_was_taken(collection, steps):
    session = Session(collection, k=4)
    seen = [session.start(text="green")]
    for step in steps:
        if not isinstance(step, str) and said(session, step):
            seen.append(session.result)
    for result in reversed(seen[:-1]):
        same(session.undo(), result)
    assert session.undo() is None and session.turns == () and session.hits == ()
    for result in seen:
        same(session.redo(), result)
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_a_new_turn_forgets_what_was_undone(collection):
    session = Session(collection)
    session.start(text="red")
    session.refine(text="dark")
    session.undo()
    session.refine(text="blue")
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
@given(st.permutations(["red", "dark", "green"]), st.permutations([0, 1, 2]))
def test_the_order_of_marks_does_not_matter_and_that_of_words_only_by_decay(collection, words, order):
    marks = [{"like": "red1.png"}, {"not_like": "blue0.png"}, {"like": "dark2.png"}]
    results = []
    for chosen in (range(3), order):
        session = Session(collection, k=30)
        session.start(text="green")
        for place in chosen:
            session.refine(**marks[place])
        results.append(session.result)
    same(*results)
    ends = []
    for said_words in (words, sorted(words)):
        session = Session(collection, updater="decayed", options={"gamma": 1.0}, k=30)
        for word in said_words:
            session.refine(text=word)
        ends.append({hit.id: hit.score for hit in session.hits})
    assert ends[0] == pytest.approx(ends[1], abs=1e-5)


def test_more_goes_on_where_the_hits_ended(collection):
    session = Session(collection, k=4)
    session.start(text="red")
    rest = session.more(3)
    assert [hit.rank for hit in rest] == [5, 6, 7] and len(session.hits) == 7
    assert ids(session.hits) == ids(collection.search(text="red", k=7))
    session.refine(like=7)  # a hit that `more` brought
    assert session.turns[-1].pictures[0].image.id == rest[2].id
    assert len(Session(collection, k=20).start(text="red")) == 20


def test_what_is_rejected_is_shown_no_more_unless_it_is_liked_again(collection):
    session = Session(collection, k=30)
    session.start(text="red")
    first = session.hits[0].id
    assert first not in ids(session.refine(not_like=1)) and len(session.hits) == 29
    assert first in ids(session.refine(like=first))
    kept = Session(collection, k=30, hide_rejected=False)
    kept.start(text="red")
    assert first in ids(kept.refine(not_like=1))


def test_a_filter_holds_until_it_is_changed_or_lifted(collection):
    session = Session(collection, k=30)
    session.start(text="red", where="id < 'c'")
    assert len(session.refine(text="dark")) == 12
    assert len(session.refine(where="id < 'bm'")) == 6
    assert len(session.refine(where="")) == 30
    assert len(session.undo()) == 6


def test_a_turn_that_cannot_be_answered_leaves_the_session_as_it_was(collection, tmp_path):
    session = Session(collection, k=3)
    session.start(text="red")
    turns, result = session.turns, session.result
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nno")
    for error, step in [
        (FilterError, {"where": "colour ="}),
        (QueryError, {"like": 4}),
        (QueryError, {"like": 0}),
        (QueryError, {"like": "no such.png"}),
        (QueryError, {"like": True}),
        (UsageError, {"like": 1, "not_like": 1}),
        (QueryError, {"image": broken}),
        (QueryError, {"image": tmp_path / "nowhere.png"}),
        (QueryError, {"text": "  "}),
        (QueryError, {"text": 7}),
        (QueryError, {}),
    ]:
        with pytest.raises(error):
            session.refine(**step)
        assert (session.turns, session.result) == (turns, result), step
    with pytest.raises(UsageError, match="has begun"):
        session.start(text="blue")


def test_an_item_deleted_meanwhile_is_left_out_and_named(folder, tmp_path, plugged):
    with fieldglass.create(tmp_path / "c", encoder="tiny") as opened:
        opened.index(folder)
        session = Session(opened, k=5)
        session.start(text="red")
        session.refine(like="dark1.png")
        without = ids(session.undo())
        session.redo()
        opened.delete(["dark1.png"])
        found = session.refine(where="width > 1")
        assert "dark1.png" not in ids(found) and "'dark1.png'" in found.notes[0]
        assert ids(found) == [id for id in without if id != "dark1.png"]


def test_an_answer_is_said_with_its_question(collection):
    session = Session(collection, updater="chatir", k=5)
    session.start(text="green")
    session.pending = "which colour?"
    found = session.answer("blue")
    (wanted,) = collection.answer([collection.ask(text="green, which colour? blue")], k=5)
    same(found, wanted)
    assert session.pending == "" and session.turns[-1].answer == "blue"
    with pytest.raises(QueryError, match="answer is empty"):
        session.answer(" ")


def test_chatir_says_that_marks_are_left_out(collection):
    session = Session(collection, updater="chatir")
    session.start(text="green")
    assert any("reads sentences alone" in note for note in session.refine(like=2).notes)


def test_who_reads_one_turn_alone_is_no_updater(collection):
    with pytest.raises(UsageError, match=r"weicom.*one turn alone") as caught:
        Session(collection, updater="weicom")
    assert "rocchio" in str(caught.value) and "base=weicom" in str(caught.value)
    with pytest.raises(UnknownNameError):
        Session(collection, updater="rochio")
    with pytest.raises(UsageError):
        Session(collection, k=0)
    found = Session(collection, updater="decayed", options={"base": "weicom"}).start(text="red", like="dark1.png")
    assert len(found) == 10


class Counting(TinyEncoder):
    def __init__(self):
        super().__init__()
        self.seen = []

    def texts(self, texts):
        self.seen += texts
        return super().texts(texts)

    def images(self, batch):
        self.seen += batch
        return super().images(batch)


def test_nothing_is_encoded_twice(folder, collection):
    counting = Counting()
    with fieldglass.open(collection.path) as opened:
        opened._encoder = counting
        session = Session(opened)
        session.start(text="red", image=folder / "green0.png")
        for word in ("dark", "blue", "red"):
            session.refine(text=word)
        session.undo()
    assert len(counting.seen) == 4  # three words and a picture
    assert Remembering(counting).places(np.zeros((1, 2))).shape == (1, 16)
    assert not hasattr(Remembering(counting), "pseudo_texts")


def test_a_question_is_about_the_column_that_tells_most():
    rows = [{"kind": "ab"[row % 2], "side": "left" if row < 9 else "right", "name": f"{row}.png"} for row in range(10)]
    found = propose(rows, [])
    assert (found.column, found.answers) == ("kind", (("a", 5), ("b", 5)))
    assert found.text == "Which kind? a (5), b (5)"
    assert propose(rows, ["kind"]).column == "side" and propose(rows, ["kind", "side"]) is None
    assert propose([{"kind": "a"}] + [{}] * 9, []) is None and propose([], []) is None
    assert (depth(1), depth(6), depth(30)) == (500, 250, 50)


def test_an_answer_with_a_value_becomes_a_filter(folder, tmp_path, plugged):
    with fieldglass.create(tmp_path / "c", encoder="tiny") as opened:
        opened.index(folder)
        opened.set_metadata(
            (f"{name}{number}.png", {'the "shop"': f"{'ab'[number % 2]}'s"}) for name in WORDS for number in range(6)
        )
        session = Session(opened, k=30)
        session.start(text="red", where="width > 1")
        found = session.ask()
        assert found.column == 'the "shop"' and session.pending == found.text
        assert sorted(ids(session.answer("A's"))) == sorted(
            f"{name}{number}.png" for name in WORDS for number in (0, 2, 4)
        )
        assert session.pending == "" and len(session.undo()) == 30
        session.ask()
        assert len(session.answer("green")) == 30 and session.turns[-1].texts[0].text.endswith("? green")
        with pytest.raises(UsageError, match="no hits yet"):
            Session(opened).ask()

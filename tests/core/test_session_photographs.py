"""A session with `mini` on real photographs: marks bring what is like them up, refusals send it down."""

from __future__ import annotations

import pytest

import fieldglass
from fieldglass.registry import registry
from fieldglass.session import Session


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    demo = registry().create("demos", "photographs", {"folder": folder})
    with fieldglass.create(folder / "c", encoder="mini") as opened:
        opened.index(demo.source)
        yield opened


def rank(session, id):
    return [hit.id for hit in session.hits].index(id)


@pytest.mark.parametrize("form", ["picture", "description", "both"])
@pytest.mark.parametrize(
    ("text", "marked", "alike"),
    [
        ("something made by people", "things/motorcycle, left eye.png", "things/motorcycle, right eye.png"),
        ("something in nature", "space/galaxies.jpg", "space/moon.png"),
    ],
)
def test_marks_move_what_is_like_them(photographs, text, marked, alike, form):
    session = Session(photographs, options={"form": form}, k=20)
    session.start(text=text)
    before = rank(session, alike)
    session.refine(like=marked)
    liked = rank(session, alike)
    assert liked < before
    session.undo()
    session.refine(not_like=marked)
    assert rank(session, alike) >= before and marked not in [hit.id for hit in session.hits]


def test_a_correction_in_words_is_heard_and_the_beginning_is_not_forgotten(photographs):
    session = Session(photographs, k=20)
    session.start(text="a cat")
    assert session.hits[0].id == "animals/cat.png"
    session.refine(text="a flower")
    assert {hit.id for hit in session.hits[:2]} == {"animals/cat.png", "nature/flower.jpg"}
    session.refine(not_text="a cat")
    assert session.hits[0].id == "nature/flower.jpg" and rank(session, "animals/cat.png") > 3

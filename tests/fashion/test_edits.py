"""Edits in words: the parser, turns that overrule one another, and the composer on garments of known vectors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldglass.errors import QueryError, UsageError
from fieldglass.registry import registry
from fieldglass.testing import ArrayGallery, ComposerContract, TinyEncoder, full_scan
from fieldglass.types import Query, QueryImage, QueryText
from fieldglass_fashion.colour import BASIC, SHADES
from fieldglass_fashion.colour.palette import spread
from fieldglass_fashion.colour.words import called
from fieldglass_fashion.edits import Edits, merged, parse
from fieldglass_fashion.mini import FashionMini


class TestContract(ComposerContract):
    composer = "fashion/edits"


class TestTextAlone(ComposerContract):
    composer = "fashion/edits"
    parts = "text"


class TestPictureAlone(ComposerContract):
    composer = "fashion/edits"
    parts = "image"


@pytest.mark.parametrize(
    ("text", "wanted", "refused", "colours", "not_colours"),
    [
        ("this dress, but sleeveless and in green", "dress sleeveless", "long sleeves", "green", ""),
        ("Without a belt", "", "belt", "", ""),
        ("longer sleeves, no belt and buttons", "long sleeves", "short sleeves|belt|buttons", "", ""),
        ("in green instead of red", "", "", "green", "red"),
        ("change the colour from red to navy blue", "", "", "navy", "red"),
        ("replace the v-neck with a round neck", "round neck", "v-neck", "", ""),
        ("a round neck rather than a v-neck", "round neck", "v-neck", "", ""),
        ("not red", "", "", "", "red"),
        ("in black and white", "", "", "black|white", ""),
        ("without a hood or pockets, with a zip", "zip", "hood|pockets", "", ""),
        ("belt-free and strapless", "strapless", "belt|shoulder straps", "", ""),
        ("has no sleeves and is darker", "dark", "sleeves|light", "", ""),
        ("more formal", "formal", "casual", "", ""),
        ("less formal", "", "formal", "", ""),
        ("a summer dress", "summer dress", "", "", ""),
        ("a timeless coat", "timeless coat", "", "", ""),
        ("the same one", "", "", "", ""),
        ("in black instead", "", "", "black", ""),
        ("., ;", "", "", "", ""),
        ("🙂", "", "", "", ""),
    ],
)
def test_a_sentence_is_taken_apart(text, wanted, refused, colours, not_colours):
    found = parse(text)
    assert set(found.refused) == {each for each in refused.split("|") if each}
    assert set(found.colours) == {each for each in colours.split("|") if each}
    assert set(found.not_colours) == {each for each in not_colours.split("|") if each}
    assert " ".join(found.wanted) == wanted


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_is_parsed(text):
    found = parse(text)
    assert not set(found.wanted) & set(found.refused) and not set(found.colours) & set(found.not_colours)


AGREEING = ("sleeveless", "a floral print", "without a belt", "in green", "not red", "longer")


@given(st.permutations(AGREEING))
@settings(max_examples=25, deadline=None)
def test_turns_that_agree_count_in_any_order(order):
    one, other = merged(map(parse, AGREEING)), merged(map(parse, order))
    for name in ("wanted", "refused", "colours", "not_colours"):
        assert set(getattr(one, name)) == set(getattr(other, name))


def test_a_later_turn_overrules():
    assert merged([parse("a red dress"), parse("in green")]) == Edits(("dress",), (), ("green",))
    assert merged([parse("with a belt"), parse("without a belt")]) == Edits((), ("belt",))
    assert merged([parse("not red"), parse("in red after all")]).colours == ("red",)
    assert merged([parse("longer"), parse("shorter")]) == Edits(("short",), ("long",))


def test_colours_are_called_by_many_names():
    assert {"navy", "dark blue", "teal", "blue"} <= set(called("blue")) and "olive green" in called("olive")
    assert "green" not in called("olive")


@pytest.fixture(scope="module")
def encoder():
    return FashionMini(device="cpu")


@pytest.fixture(scope="module")
def wardrobe(encoder):
    """Four kinds in four colours; the picture part is the kind's, with noise of its own."""
    kinds, colours = ("dress", "shirt", "shoes", "hat"), ("red", "green", "blue", "black")
    noise = np.random.default_rng(0)
    looks = {kind: noise.normal(size=1280) for kind in kinds}
    rows, ids = [], []
    for kind, colour in itertools.product(kinds, colours):
        look = looks[kind] + 0.3 * noise.normal(size=1280)
        meaning = encoder.texts([kind])[0, 1280:1664].astype(np.float64)
        share = np.full(len(SHADES), 0.2 / len(SHADES))
        share[list(SHADES).index(colour)] += 0.8
        parts = [look / np.linalg.norm(look), meaning / np.linalg.norm(meaning), spread(share / share.sum())]
        rows.append(np.concatenate(parts) / np.sqrt(3))
        ids.append(f"{colour} {kind}")
    return ArrayGallery(ids, {"image": np.array(rows, dtype=np.float32)[:, None]})


def ranked(query, encoder, gallery, **options):
    composer = registry().create("composers", "fashion/edits", options)
    scores = full_scan(composer.compose([query], encoder, gallery), gallery)[0]
    return [gallery.ids([place])[0] for place in np.argsort(-scores, kind="stable")]


def asked(*texts, picture="red dress"):
    images = (QueryImage(picture),) if picture else ()
    turns = [Query(images if not place else (), (QueryText(text),)) for place, text in enumerate(texts)]
    return Query(turns[-1].images, turns[-1].texts, history=tuple(turns[:-1]))


def test_the_garment_comes_in_the_colour_asked_for(encoder, wardrobe):
    assert ranked(asked("in green"), encoder, wardrobe)[0] == "green dress"
    assert ranked(asked("in blue instead of red"), encoder, wardrobe)[0] == "blue dress"
    away = ranked(asked("not red"), encoder, wardrobe)
    assert away[0].endswith("dress") and away.index("red dress") == 3


def test_turns_count_together_and_later_colours_stand(encoder, wardrobe):
    assert ranked(asked("a red dress", picture=""), encoder, wardrobe)[0] == "red dress"
    assert ranked(asked("a red dress", "in green", picture=""), encoder, wardrobe)[0] == "green dress"
    later = asked("in green", "in black")
    assert ranked(later, encoder, wardrobe)[0] == "black dress"


def test_a_negative_text_is_turned_round(encoder, wardrobe):
    query = Query((QueryImage("red dress"),), (QueryText("red", "negative"),))
    assert ranked(query, encoder, wardrobe) == ranked(asked("not red"), encoder, wardrobe)


def test_only_the_colour_can_be_shown(encoder, wardrobe):
    composer = registry().create("composers", "fashion/edits", {"colour": "only"})
    probes = composer.compose([asked("in green"), asked("sleeveless"), asked("not green")], encoder, wardrobe)
    green, none, other = probes.where
    assert none is None and str(green) == "in green"
    kept = wardrobe.ids(np.flatnonzero(green.bitmap(wardrobe)))
    assert kept == ["green dress", "green shirt", "green shoes", "green hat"]
    assert np.array_equal(other.bitmap(wardrobe), ~green.bitmap(wardrobe))


def test_shares_of_colours_come_out_of_the_vectors(encoder, wardrobe):
    found = encoder.colour_shares(wardrobe, "image", "red")
    assert found[0] == pytest.approx(0.8 + 0.2 * sum(b == "red" for b, _ in SHADES.values()) / len(SHADES), abs=1e-3)
    assert encoder.colour_shares(wardrobe, "image", "navy").max() < 0.02 and set(BASIC) > {"red"}


def test_without_column_or_sight_a_colour_cannot_be_the_condition():
    gallery = ComposerContract.gallery(TestContract())
    composer = registry().create("composers", "fashion/edits", {"colour": "only"})
    (where,) = composer.compose([Query((QueryImage("p1"),), (QueryText("red"),))], TinyEncoder(), gallery).where
    with pytest.raises(QueryError, match="Nothing here tells the colour"):
        where.bitmap(gallery)


def test_what_was_understood_is_said(encoder, wardrobe):
    composer = registry().create("composers", "fashion/edits", {})
    probes = composer.compose([asked("in green, without a belt")], encoder, wardrobe)
    assert probes.query_notes == (("wanted: green; not wanted: belt",),)


@pytest.mark.parametrize("options", [{"text_weight": 2}, {"refused_weight": -1}, {"least": 0}, {"colour": "maybe"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(UsageError):
        registry().create("composers", "fashion/edits", options)


def test_an_empty_text_is_refused(encoder, wardrobe):
    with pytest.raises(QueryError, match="empty"):
        ranked(asked("  "), encoder, wardrobe)
    with pytest.raises(QueryError, match="says nothing"):
        ranked(asked("the same one", picture=""), encoder, wardrobe)

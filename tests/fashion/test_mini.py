"""`fashion/mini`: real weights; made garments on backgrounds, real photographs where FIELDGLASS_DATA is set."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from fieldglass.encoders import as_query, as_text, encode
from fieldglass.encoders.mini import Mini
from fieldglass.errors import UsageError
from fieldglass.models import composer_defaults
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_fashion.colour import BASIC, SHADES, WIDTH, colours_in, shares, vector, without_colours
from fieldglass_fashion.colour.cielab import cielab
from fieldglass_fashion.colour.palette import spread
from fieldglass_fashion.mini import FashionMini


def rgb(code: str) -> tuple[int, int, int]:
    return tuple(int(code[at : at + 2], 16) for at in (0, 2, 4))


def garment(colour: str, background: str = "e9e4da", *, side: int = 96) -> Sample:
    """A square of one colour in the middle of another, with a little noise."""
    picture = np.empty((side, side, 3))
    picture[:] = rgb(background)
    picture[side // 5 : -side // 5, side // 4 : -side // 4] = rgb(colour)
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    return Sample("image", np.clip(picture + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def mini():
    return FashionMini(device="cpu")


class TestContract(EncoderContract):
    encoder = "fashion/mini"


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((1, 1, 1), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (53.2408, 80.0925, 67.2032)),
        ((0, 0, 1), (32.2970, 79.1875, -107.8602)),
        ((0.5, 0.5, 0.5), (53.3890, 0, 0)),
    ],
)
def test_cielab_is_that_of_cie(rgb, expected):
    """Values of the usual tables for D65."""
    assert cielab(np.array(rgb, dtype=float)) == pytest.approx(expected, abs=2e-2)


@pytest.mark.parametrize("background", ["e9e4da", "802020", "30405a", "3a6b35"])
@pytest.mark.parametrize("colour", ["cc1420", "2050c0", "2a8c3a", "f4d820", "16161a", "6c2c90"])
def test_the_garment_is_named_whatever_it_lies_on(colour, background):
    name = next(basic for basic, code in SHADES.values() if code == colour)
    found = spread(shares(garment(colour, background)))[: len(BASIC)]
    assert BASIC[int(found.argmax())] == name and 2 * found.max() ** 2 > 0.6


def test_a_picture_of_one_colour_has_it_whole():
    found = shares(Sample("image", np.full((40, 30, 3), rgb("f07818"), dtype=np.uint8)))
    assert found.sum() == pytest.approx(1) and list(SHADES)[int(found.argmax())] == "orange"


def test_masked_pixels_say_nothing():
    sample = garment("cc1420")
    mask = np.zeros((96, 96), dtype=bool)
    mask[:19] = True  # the background alone
    found = shares(Sample("image", sample.content, mask=mask))
    assert found[list(SHADES).index("red")] < 0.01
    assert shares(Sample("image", sample.content, mask=np.zeros_like(mask))).sum() == pytest.approx(1)


def test_vectors_compare_shares():
    red = np.zeros(len(SHADES))
    red[list(SHADES).index("red")] = 1
    assert spread(red) @ spread(red) == pytest.approx(1, abs=1e-6)
    assert spread(red) @ vector(["red"]) == pytest.approx(np.sqrt(0.5), abs=1e-6)
    assert spread(red) @ vector(["navy"]) == pytest.approx(0) and vector(["navy", "red"]).shape == (WIDTH,)
    assert not vector([]).any()


@pytest.mark.parametrize(
    ("text", "colours", "left"),
    [
        ("the same one but in green", ["green"], ""),
        ("a navy-blue dress", ["navy"], "a dress"),
        ("a dress in Dark  Red", ["burgundy"], "a dress"),
        ("off-white and light blue stripes", ["off-white", "light blue"], "and stripes"),
        ("a tanned leather bag, not coloured", [], "a tanned leather bag, not coloured"),
        ("", [], ""),
    ],
)
def test_colours_are_told_from_the_rest(text, colours, left):
    assert [each.name for each in colours_in(text)] == colours
    assert without_colours(text) == left


def test_a_text_finds_the_colour(mini):
    codes = {"red": "cc1420", "green": "2a8c3a", "navy": "202a44", "light blue": "98bce0", "black": "16161a"}
    gallery = encode(mini, [mini.prepare(garment(code)) for code in codes.values()])[:, 0]
    texts = ["in red", "the same but green", "navy", "a sky blue dress", "a black shirt"]
    assert (mini.texts(texts) @ gallery.T).argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_a_text_without_a_colour_is_that_of_mini(mini):
    plain = Mini(device="cpu").texts(["a dress"])
    assert np.allclose(mini.texts(["a dress"])[:, : plain.shape[1]], plain, atol=1e-6)


def test_forms_hold_their_parts(mini):
    rows = encode(mini, [mini.prepare(garment("cc1420"))])
    query, text = as_query(mini, rows), as_text(mini, rows)
    assert not query[0, 1280:1664].any() and not text[0, :1280].any()
    assert np.linalg.norm(query[0, 1664:]) / np.linalg.norm(query[0, :1280]) == pytest.approx(0.5, abs=1e-5)
    stored = mini.texts(["a red dress"])[:, None]
    assert np.array_equal(as_query(mini, stored), stored[:, 0]) or np.allclose(as_text(mini, stored), stored[:, 0])


def test_no_colour_makes_it_mini_and_another_space(mini):
    other = FashionMini(device="cpu", colour=0)
    assert other.fingerprint != mini.fingerprint and other.options["colour"] == 0
    assert not other.texts(["a red dress"])[0, 1664:].any()
    with pytest.raises(UsageError, match="colour is 0 to 4"):
        FashionMini(colour=-1)


def test_composers_get_what_suits_it():
    assert composer_defaults("fashion/mini", {}, "sum")["text_weight"] > 0.5


@pytest.mark.skipif(not os.environ.get("FIELDGLASS_DATA"), reason="FIELDGLASS_DATA is not set")
def test_colours_of_real_garments_are_those_that_a_person_sees():
    """Every third of 341 photographs, on beds, floors and hangers; the colours were noted by eye."""
    from fieldglass.loaders.files import read_pictures
    from fieldglass.types import Item

    noted = Path(__file__).with_name("garment_colours.csv")
    rows = [row for row in csv.DictReader(noted.open()) if row["colours"]][::3]
    items = [Item(row["file"], (row["file"],)) for row in rows]
    root = Path(os.environ["FIELDGLASS_DATA"]) / "clothing"
    right = 0
    for row, sample in zip(rows, read_pictures(items, root, pixels=64, max_pixels=10**9), strict=True):
        found = spread(shares(sample))[: len(BASIC)]
        right += BASIC[int(found.argmax())] in row["colours"].split()
    assert right / len(rows) > 0.7, f"{right} of {len(rows)}"

"""LinCIR from texts alone: what is masked, and a training through the text tower of a small CLIP."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest

import small_checkpoints as small
from fieldglass.composers.phi import load_phi
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import LoaderError, UsageError
from fieldglass.testing import RecipeContract
from fieldglass.training import train
from fieldglass.training.captions import masked, offsets, read_captions_at, words_of

COLOURS, THINGS = ("red", "green", "blue", "dark"), ("cat", "rocket", "cup", "flower", "clock")
CAPTIONS = [f"A {colour} {thing} is sitting on the table" for colour in COLOURS for thing in THINGS]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    home = tmp_path_factory.mktemp("lincir")
    (home / "captions.txt").write_text("\n".join(CAPTIONS) + "\n")
    clip = small.clip(home / "model").parent
    return {
        "captions": str(home / "captions.txt"), "clip_weights": str(clip), "batch": 8, "held_out": 0.2,
        "lr": 1e-3, "dropout": 0.1, "epochs": 2,
    }  # fmt: skip


class TestLincir(RecipeContract):
    recipe = "lincir"
    wrappers = ("Phi",)
    options: ClassVar[dict] = {}

    @pytest.fixture(autouse=True)
    def small(self, given):
        type(self).options = given


def test_the_error_falls_and_the_composer_takes_the_weights(given, tmp_path):
    found = train("lincir", tmp_path / "run", {**given, "epochs": 12}, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    errors = [row["error"] for row in rows if "error" in row]
    assert found.best == min(errors) < 0.8 * errors[0]
    encoder = OpenClip(weights=given["clip_weights"])
    phi = load_phi(found.weights, encoder, "lincir")
    assert phi.shape == (32, 32) and phi.gelu
    raw = encoder.raw_texts(["a red cat"])
    assert encoder.pseudo_texts(["a photo of $"], phi(raw)).shape == (1, 32)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a red cat is sitting on the wooden table", "$ is sitting on $"),
        ("two dogs and a man near water", "$ and $ near $"),
        ("walking", "$"),
        ("", "a photo of $"),
        ("?!", "a photo of $"),
    ],
)
def test_every_run_of_keywords_is_one_placeholder(text, wanted):
    assert masked(text, words_of, np.random.default_rng(0)) == wanted


def test_where_there_is_no_keyword_one_random_word_is_masked():
    found = {masked("he is walking up", words_of, np.random.default_rng(seed)) for seed in range(20)}
    assert found == {"$ is walking up", "he $ walking up", "he is $ up", "he is walking $"}


def test_captions_are_read_where_they_lie(tmp_path):
    (tmp_path / "c.jsonl").write_text('{"caption": "A $ Cat"}\n\n{"caption": "Zwei Hände"}\n"plain"\n')
    places = offsets(tmp_path / "c.jsonl")
    assert read_captions_at(tmp_path / "c.jsonl", places[[2, 0, 1]]) == ["plain", "a cat", "zwei hände"]
    (tmp_path / "c.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(LoaderError, match="byte 0"):
        read_captions_at(tmp_path / "c.jsonl", [0])
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(LoaderError, match="no captions"):
        offsets(tmp_path / "empty.txt")
    with pytest.raises(LoaderError, match="cannot be read"):
        offsets(tmp_path / "none.txt")


def test_long_captions_and_those_with_the_placeholder_do_no_harm(given, tmp_path):
    lines = ["he is " + "walking up and down " * 40 + "a cat", "$ $ $", "costs 5$", "ärger " * 90]
    (tmp_path / "odd.txt").write_text("\n".join(lines * 3), encoding="utf-8")
    found = train("lincir", tmp_path / "run", {**given, "captions": str(tmp_path / "odd.txt")}, device="cpu")
    assert np.isfinite(found.best)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"tagger": "no_such_model"}, "no_such_model"), ({"lr": 0.0}, "lr is above 0")]
)
def test_wrong_options_are_told(given, tmp_path, wrong, said):
    with pytest.raises((UsageError, ImportError), match=said):
        train("lincir", tmp_path / "run", {**given, **wrong}, device="cpu")

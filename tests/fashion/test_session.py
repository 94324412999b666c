"""`fieldglass fashion session` and `refine`: turns that understand edits, over products."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fashion.tiny_offer import offered
from fieldglass.cli import main
from fieldglass.session import Session

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 40), "blue": (20, 40, 220)}
HEAD = ("id", "title", "color", "price", "item_group_id", "image_link")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Three products of two articles each, one picture an article."""
    folder = tmp_path_factory.mktemp("shop")
    rows = []
    for place, (name, colour) in enumerate(COLOURS.items()):
        for variant in range(2):
            pixels = np.full((32, 32, 3), np.array(colour) - 15 * variant, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}{variant}.png")
            rows.append((f"{place}{variant}", name.title(), name, f"{10 + place},00 EUR", name, f"{name}{variant}.png"))
    with open(folder / "shop.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows([HEAD, *rows])
    with offered(tmp_path_factory.mktemp("site")):
        run("index", folder / "shop.csv", "--to", folder / "shop.collection", "--encoder", "tiny")
        yield folder


def run(*arguments, code=0, typed=None):
    done = CliRunner().invoke(main, ["fashion", *map(str, arguments)], input=typed)
    assert done.exit_code == code, done.output
    return done


def step(shop, file, *arguments) -> list[str]:
    done = run("refine", shop / "shop.collection", "--session", file, *arguments, "--format", "json")
    return [hit["metadata"]["color"] for hit in json.loads(done.stdout)["hits"]]


def test_three_turns_from_a_pipe(shop):
    done = run("session", shop / "shop.collection", "--json", typed="red\nin green instead of red\nnot 1\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    first, second, third = ([hit["metadata"]["color"] for hit in each["hits"]] for each in answers)
    assert sorted(first) == sorted(COLOURS), "a product is one hit"
    assert first[0] == "red" and second[0] == "green"
    assert "green" not in third, "a refused product is gone with all its articles"


def test_one_step_at_a_time_is_the_same_session(shop, tmp_path):
    file = tmp_path / "ann.json"
    assert step(shop, file, "--text", "red")[0] == "red"
    assert step(shop, file, "--change", "in blue instead of red")[0] == "blue"
    assert step(shop, file, "--not-like", "1", "--where", "price < 12")[0] == "green"
    assert step(shop, file, "--undo")[0] == "blue"
    with fieldglass.open(shop / "shop.collection") as opened:
        kept = Session.resume(file, opened)
        assert (kept.collapse, kept.updater, kept.options) == ("product", "rocchio", {"base": "fashion/edits"})
        assert len(kept.turns) == 2 and len(kept.undone) == 1


def test_a_step_needs_no_file(shop):
    done = run(
        "refine", shop / "shop.collection", "--image", shop / "red0.png", "--change", "in green", "--format", "csv"
    )
    assert "green" in done.stdout.splitlines()[1]


def test_steps_that_cannot_be_taken_say_so(shop, tmp_path):
    collection, file = shop / "shop.collection", tmp_path / "s.json"
    assert "nothing to undo" in run("refine", collection, "--undo", code=2).output
    assert "no hits yet to mark" in run("refine", collection, "--not-like", "1", code=2).output
    assert "Nothing is asked" in run("refine", collection, "--session", file, code=2).output
    assert not file.exists()
    run("refine", collection, "--session", file, "--text", "red")
    before = file.read_bytes()
    assert "has its updater" in run("refine", collection, "--session", file, "--updater", "decayed", code=2).output
    assert "There is no item" in run("refine", collection, "--session", file, "--like", "nobody", code=2).output
    assert file.read_bytes() == before
    run("refine", collection, "--session", file, "--undo")


def test_sessions_written_before_groups_are_read(shop, tmp_path):
    file = tmp_path / "old.json"
    run("refine", shop / "shop.collection", "--session", file, "--text", "red")
    content = json.loads(file.read_text())
    del content["collapse"]
    file.write_text(json.dumps(content))
    with fieldglass.open(shop / "shop.collection") as opened:
        assert Session.resume(file, opened).collapse is None

"""A shop of real garments as its keeper uses it: audited, indexed, searched by words, picture, both, and by turns."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import fieldglass
from fieldglass.cli import main
from fieldglass.session import Session
from fieldglass_fashion.demo import write_shop

pytestmark = pytest.mark.slow

COUNT = 330  # rows of the 2 200; the benchmark `garments` takes all


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["fashion", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def found(*arguments) -> list[dict]:
    return [hit["metadata"] for hit in json.loads(run(*arguments, "--format", "json").stdout)["hits"]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    root = write_shop(folder, COUNT)
    audited = json.loads(run("audit", root, "--set", "pictures=pictures", "--format", "json", code=3).stdout)
    assert audited["articles"] == COUNT and set(audited["counts"]) == {"near duplicates"}
    run("index", root, "--to", folder / "shop.collection", "--set", "pictures=pictures")
    return folder


def test_by_words(shop):
    hits = found("search", shop / "shop.collection", "--text", "a red sneaker", "-k", "5")
    assert sum(hit["color"] == "red" for hit in hits) >= 4


def test_by_picture(shop):
    hits = found(
        "search", shop / "shop.collection", "--image", shop / "pictures/G0002.png", "--exclude-self", "-k", "5"
    )
    assert sum(hit["category"] == "Trousers" for hit in hits) >= 3  # one in ten is by chance


def test_by_both_with_a_filter(shop):
    asked = ("--image", shop / "pictures/G0002.png", "--text", "in red", "--composer", "fashion/edits")
    hits = found("search", shop / "shop.collection", *asked, "--max-price", "60", "-k", "3")
    assert all(hit["price"] <= 60 for hit in hits)
    assert sum(hit["color"] == "red" for hit in hits) >= 2


def test_over_three_turns(shop):
    with fieldglass.open(shop / "shop.collection") as opened:
        talk = Session(opened, options={"base": "fashion/edits"}, k=5, collapse="product")
        talk.start(text="a sneaker")
        talk.refine(text="in green")
        hits = talk.refine(text="in blue instead of green").hits
    colours = [hit.metadata["color"] for hit in hits]
    assert colours.count("blue") >= 3 and colours.count("green") <= 1

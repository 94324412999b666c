"""`fieldglass fashion caption-pairs`: a small endpoint on a real socket, and the stand-in without one."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fashion.endpoint import model
from fashion.tiny_offer import offered
from fieldglass.cli import main
from fieldglass.errors import LoaderError
from fieldglass.training.triplets import read_triplets
from fieldglass_fashion.captioning import caption_pairs, difference, in_words, read_attributes
from fieldglass_fashion.captioning.difference import acceptable

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 40), "blue": (20, 40, 220)}
HEAD = ("id", "title", "color", "material", "image_link")
SOLD = {"1": ("red", "silk"), "2": ("green", "silk"), "3": ("blue", "wool"), "4": ("red", "silk")}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    rows = []
    for name, (colour, material) in SOLD.items():
        Image.fromarray(np.full((24, 24, 3), COLOURS[colour], dtype=np.uint8)).save(folder / f"{name}.png")
        rows.append((name, "Dress", colour, material, f"{name}.png"))
    with open(folder / "shop.csv", "w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])
    with open(folder / "pairs.csv", "w", newline="") as file:
        csv.writer(file).writerows([("reference", "target"), ("1", "2"), ("2", "3"), ("1", "4")])
    with offered(tmp_path_factory.mktemp("site")):
        run("index", folder / "shop.csv", "--to", folder / "shop.collection", "--encoder", "tiny")
        yield folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))
    for name in ("URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"FIELDGLASS_LLM_{name}", raising=False)


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["fashion", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def captions(shop, out, *arguments, code=0, pairs="pairs.csv"):
    return run("caption-pairs", shop / "shop.collection", "--pairs", shop / pairs, "--out", out, *arguments, code=code)


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def seen(asked):
    """What a vision model would say: the colour of the picture; of two descriptions, the target's colour."""
    content = asked["messages"][-1]["content"]
    if isinstance(content, str):
        colour = json.loads(content.split("B: ")[1].split("}. ")[0] + "}")["colour"]
        return f'"In {colour}, please"'
    import base64
    import io

    data = content[1]["image_url"]["url"].split(",", 1)[1]
    pixel = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))[12, 12]
    colour = max(COLOURS, key=lambda name: -np.abs(pixel.astype(int) - COLOURS[name]).sum())
    return f'```json\n{{"category": "dress", "color": "{colour}", "sleeves": "not visible", "hack": 1}}\n```'


def test_without_a_model_columns_speak(shop, tmp_path):
    out = tmp_path / "t.jsonl"
    done = captions(shop, out, "--from-attributes", "--keep-easy", code=3)
    assert "2 texts" in done.output and "1 rejected" in done.output and "1 same" in done.output
    found = {(row["reference"], row["target"]): row["text"] for row in lines(out)}
    assert found == {
        ("1", "2"): "in green instead of red",
        ("2", "3"): "in blue instead of green, in wool instead of silk",
    }
    (rejected,) = lines(tmp_path / "t.rejected.jsonl")
    assert (rejected["reference"], rejected["target"], rejected["reason"]) == ("1", "4", "same")
    assert [each.texts[0] for each in read_triplets(out)] == list(found.values()), "the trainer reads it"


def test_what_the_text_finds_alone_is_rejected(shop, tmp_path):
    out = tmp_path / "t.jsonl"
    captions(shop, out, "--from-attributes", code=3)
    reasons = {row["reason"] for row in lines(tmp_path / "t.rejected.jsonl")}
    assert "text-alone" in reasons and len(lines(out)) + len(lines(tmp_path / "t.rejected.jsonl")) == 3


@pytest.mark.parametrize("stages", ["facap", "good4cir"])
def test_a_vision_model_describes_and_tells(shop, tmp_path, stages):
    out = tmp_path / "t.jsonl"
    with model(seen) as server:
        options = ("--llm-url", server.url, "--llm-model", "v", "--keep-easy", "--stages", stages)
        captions(shop, out, *options, code=3)
        first = len(server.asked)
        done = captions(shop, out, *options)
        assert len(server.asked) == first and "3 pairs done before" in done.output, "nothing is asked again"
    assert [row["text"] for row in lines(out)] == ["In green, please", "In blue, please"]
    assert [row["reason"] for row in lines(tmp_path / "t.rejected.jsonl")] == ["same"]
    described = [asked for _, _, asked in server.asked if not isinstance(asked["messages"][-1]["content"], str)]
    compared = sum("described so" in asked["messages"][-1]["content"][0]["text"] for asked in described)
    # 1 and 4 are the same picture: an answer that is kept serves both
    assert (len(described), compared) == ((3, 0) if stages == "facap" else (5, 3))


def test_it_goes_on_after_the_endpoint_failed_or_a_line_was_cut(shop, tmp_path):
    out = tmp_path / "t.jsonl"
    calls = []

    def failing(asked):
        calls.append(asked)
        return seen(asked) if len(calls) <= 3 else None  # None: status 400

    with model(failing) as server:
        options = ("--llm-url", server.url, "--llm-model", "v", "--keep-easy")
        assert "gave no answer" in captions(shop, out, *options, code=1).output
    kept = lines(tmp_path / "t.descriptions.jsonl")
    assert kept and not (tmp_path / "t.rejected.jsonl").read_text()
    with out.open("a") as file:
        file.write('{"reference": "1", "tar')  # killed within a line
    with model(seen) as server:
        captions(shop, out, "--llm-url", server.url, "--llm-model", "v", "--keep-easy", code=3)
    assert len(lines(out)) == 2 and len({row["id"] for row in lines(tmp_path / "t.descriptions.jsonl")}) == 4


@pytest.mark.parametrize(
    ("said", "reason"), [("I am sorry, I cannot help.", "undescribed"), ("{", "undescribed"), ("[1]", "undescribed")]
)
def test_what_a_model_says_amiss_is_kept(shop, tmp_path, said, reason):
    out = tmp_path / "t.jsonl"
    with model(lambda asked: said) as server:
        captions(shop, out, "--llm-url", server.url, "--llm-model", "v", code=3)
    assert not out.read_text() and {row["reason"] for row in lines(tmp_path / "t.rejected.jsonl")} == {reason}


def test_a_sentence_that_is_none_is_rejected(shop, tmp_path):
    def mumbling(asked):
        return seen(asked) if not isinstance(asked["messages"][-1]["content"], str) else "As an AI I see <b>A</b>."

    out = tmp_path / "t.jsonl"
    with model(mumbling) as server:
        captions(shop, out, "--llm-url", server.url, "--llm-model", "v", code=3)
    rows = lines(tmp_path / "t.rejected.jsonl")
    assert sorted(row["reason"] for row in rows) == ["no-sentence", "no-sentence", "same"]
    assert any("As an AI" in row["said"] for row in rows)


def test_mistakes_say_what_to_do(shop, tmp_path):
    assert "--llm-url" in captions(shop, tmp_path / "t.jsonl", code=2).output
    both = captions(shop, tmp_path / "t.jsonl", "--from-attributes", "--llm-model", "x", code=2)
    assert "asks no model" in both.output
    (tmp_path / "notes.jsonl").write_text("some text\n")
    assert "no JSON object" in captions(shop, tmp_path / "notes.jsonl", "--from-attributes", code=1).output
    assert (tmp_path / "notes.jsonl").read_text() == "some text\n"
    (shop / "gone.csv").write_text("reference,target\n1,nobody\n")
    gone = captions(shop, tmp_path / "t.jsonl", "--from-attributes", pairs="gone.csv", code=2)
    assert "'nobody'" in gone.output
    (shop / "half.csv").write_text("reference,target\n1,\n")
    assert "line 2" in captions(shop, tmp_path / "t.jsonl", "--from-attributes", pairs="half.csv", code=1).output


def test_attributes_are_read_with_suspicion():
    assert read_attributes('x {"Color": ["red", "white"], "fit": null, "neck": true, "style": "a\\u0000\\nb"} y') == {
        "colour": "red, white", "style": "a b",
    }  # fmt: skip
    assert read_attributes('{"colour": "' + "r" * 500 + '"}')["colour"] == "r" * 80
    assert read_attributes("{" * 50_000) == {} and read_attributes("[]") == {} and read_attributes("") == {}


def test_differences_are_said_in_plain_words():
    one = {"colour": "red", "sleeves": "long sleeves", "details": "belt"}
    other = {"colour": "Red", "sleeves": "short sleeves", "neckline": "V-neck"}
    assert difference(one, other) == {
        "sleeves": ("long sleeves", "short sleeves"), "details": ("belt", ""), "neckline": ("", "V-neck"),
    }  # fmt: skip
    said = in_words(difference(one, other))
    assert said == "with short sleeves instead of long, without belt, with a V-neck neckline"
    assert in_words({}) == "" and not acceptable("") and not acceptable("word " * 61) and acceptable(said)


def test_pairs_that_stand_twice_are_written_once(tmp_path):
    class Named:
        how, threads = "names", 1

        def describe(self, id, beside=None):
            return {"colour": id}

        def tell(self, reference, target):
            return in_words(difference(reference, target))

    done = caption_pairs([("red", "blue"), ("red", "blue")], tmp_path / "t.jsonl", Named())
    assert done.written == 1 and lines(tmp_path / "t.jsonl")[0]["text"] == "in blue instead of red"
    with pytest.raises(LoaderError, match="no pair"):
        (tmp_path / "u.jsonl").write_text('{"x": 1}\n')
        caption_pairs([], tmp_path / "u.jsonl", Named())


def test_colours_are_seen_where_no_column_tells_them():
    """A collection of `fashion/mini` without a column of colours."""
    from types import SimpleNamespace

    from fieldglass_fashion.captioning import FromColumns

    view = SimpleNamespace(positions=lambda ids: np.array([["a", "b"].index(each) for each in ids]),
                           metadata=lambda positions: [{} for _ in positions])  # fmt: skip
    encoder = SimpleNamespace(colour_shares=lambda view, field, name: np.array([0.9 * (name == "red"), 0.2]))
    opened = SimpleNamespace(
        engine=SimpleNamespace(view=lambda: view), encoder=encoder, field=SimpleNamespace(name="image"), path="c",
        store=SimpleNamespace(snapshot=lambda: SimpleNamespace(columns={})),
    )  # fmt: skip
    found = FromColumns(opened)
    assert found.describe("a") == {"colour": "red"} and found.describe("b") == {}

"""`fieldglass fashion` as a shop types it."""

from __future__ import annotations

import csv
import json
import re

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fashion.tiny_offer import offered
from fieldglass.cli import main
from fieldglass_fashion.cli import COMMANDS, fashion
from fieldglass_fashion.conditions import Wanted, in_words

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 40), "blue": (20, 40, 220), "dark": (15, 15, 15)}
HEAD = ("id", "title", "color", "size", "price", "sale_price", "availability", "product_type", "item_group_id",
        "image_link", "additional_image_link")  # fmt: skip
ROWS = [
    ("1", "Dress", "red", "38", "29,90 EUR", "19,90 EUR", "in stock", "Women > Dresses", "D", "red.png", "red2.png"),
    ("2", "Dress", "green", "40", "19,90 EUR", "", "out of stock", "Women > Dresses", "D", "green.png", ""),
    ("3", "=cmd()|'/c calc'!A1", "blue", "", "9,00 EUR", "", "in stock", "Hats", "", "blue.png", ""),
    ("4", "<script>alert(1)</script>", "dark", "M", "99,00 EUR", "", "in stock", "Women > Coats", "", "dark.png", ""),
    ("5", "Copy of the hat", "blue", "", "", "", "out of stock", "Hats", "", "blue_copy.png", ""),
]  # fmt: skip


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["fashion", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def hits(*arguments) -> list[str]:
    return [hit["id"] for hit in json.loads(run("search", *arguments, "--format", "json").stdout)["hits"]]


def paint(path, colour):
    stripes = 1 - 0.3 * (np.arange(48) // 6 % 2)[None, :, None] * (path.stem[0] in "rgb")
    Image.fromarray((np.full((48, 48, 3), colour) * stripes).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A catalogue of five articles, one of them twice under another number, in a collection of tiny vectors."""
    folder = tmp_path_factory.mktemp("shop")
    for name, colour in (*COLOURS.items(), ("red2", (200, 30, 30)), ("blue_copy", COLOURS["blue"])):
        paint(folder / f"{name}.png", colour)
    with open(folder / "shop.csv", "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows([HEAD, *ROWS])
    with offered(tmp_path_factory.mktemp("site")):
        done = run("index", folder / "shop.csv", "--to", folder / "shop.collection", "--encoder", "tiny")
        assert "1 groups of near duplicates" in done.output
        yield folder


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name):
    shown = run(name, "--help").output
    assert "Examples:" in shown and f"fieldglass fashion {name}" in shown


def test_the_group_lists_its_commands_without_importing_them():
    shown = fashion.get_help(click.Context(fashion))
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name} " in shown and summary.split()[0] in shown


def test_an_unknown_command_names_the_near_one():
    assert "Did you mean search?" in run("saerch", code=2).output


def test_products_are_hits_not_pictures(shop):
    found = hits(shop / "shop.collection", "--text", "red")
    assert found[0] == "1" and sorted(found)[1:] == ["3", "4", "5"]  # "1#2" and "2" are of the product of "1"


def test_filters_come_before_the_ranking(shop):
    at = shop / "shop.collection"
    assert hits(at, "--text", "red", "--category", "women") == ["1", "4"]
    assert hits(at, "--text", "green", "--category", "Dresses", "--size", "40") == ["2"]
    assert hits(at, "--text", "red", "--max-price", "20", "--in-stock") == ["1", "3"]
    assert set(hits(at, "--text", "red", "--max-price", "20", "--keep-missing", "--category", "hats")) == {"3", "5"}
    assert hits(at, "--text", "red", "--color", "BLUE", "--min-price", "1") == ["3"]
    assert hits(at, "--text", "red", "--color", "%") == []
    shown = json.loads(run("search", at, "--text", "red", "--max-price", "20", "--format", "json").stdout)
    assert shown["matched"] == 4  # pictures: 1, 1#2, 2, 3


def test_a_filter_by_what_is_not_there_names_what_is(shop):
    done = run("search", shop / "shop.collection", "--text", "red", "--brand", "Acme", code=2)
    assert "no column 'brand'" in done.output and "category" in done.output


def test_similar_leaves_the_product_itself_out(shop, tmp_path):
    at = shop / "shop.collection"
    found = [hit["id"] for hit in json.loads(run("similar", at, "1", "--format", "json").stdout)["hits"]]
    assert not {"1", "1#2", "2"} & set(found) and found
    (tmp_path / "copy.png").write_bytes((shop / "blue.png").read_bytes())
    for file, near in ((shop / "blue.png", {"4", "5"}), (tmp_path / "copy.png", {"3", "5"})):  # the first is that of 3
        done = run("similar", at, file, "--format", "json", "-k", "2")
        assert {hit["id"] for hit in json.loads(done.stdout)["hits"]} == near


def test_near_duplicates_of_several_products_share_a_column(shop):
    with fieldglass.open(shop / "shop.collection") as opened:
        found = opened.search(like="3", k=9)
    assert {hit.id for hit in found if hit.metadata.get("near_duplicate") == "3"} == {"3", "5"}
    assert len(hits(shop / "shop.collection", "--like", "3", "--collapse", "near_duplicate")) == 5


def test_a_page_as_a_shop_shows_it(shop):
    out = shop / "hits.html"
    at = shop / "shop.collection"
    run("search", at, "--image", shop / "red.png", "--text", "red", "--out", out)
    page = out.read_text(encoding="utf-8")
    assert page.count('class="card product"') == 4
    assert "19.90 €" in page and "<s>29.90 €</s>" in page and "-33 %" in page  # reduced
    assert 'aria-label="Variants: ' in page and "out of stock" in page
    assert "no price" in page and "nearly the same picture as 3" in page
    assert page.count("<b>Why</b>") == 4
    assert re.search(r"the picture: nearer than \d+(\.\d)? % of the shop; “red”: nearer than \d", page)
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "http" not in re.sub(r"http-equiv", "", page)


def test_the_pages_of_a_step_and_of_a_session_show_products_too(shop):
    at, out = shop / "shop.collection", shop / "turns.html"
    run("refine", at, "--change", "red", "--out", out)
    stepped = out.read_text(encoding="utf-8")
    typed = CliRunner().invoke(main, ["fashion", "session", str(at), "--page", str(out)], input="red\nin green\n")
    assert typed.exit_code == 0, typed.output
    assert "title" in typed.output.splitlines()[0] and "width" not in typed.output
    for page in (stepped, out.read_text(encoding="utf-8")):
        assert page.count('class="card product"') == 4 and "19.90 €" in page
        assert page.count("<b>Why</b>") == 4 and "<script>" not in page
    run("refine", at, "--change", "red instead of blue", "--out", out)
    swapped = out.read_text(encoding="utf-8")
    assert (
        "“red”: nearer than" in swapped
        and "unlike “blue”" in swapped
        and "instead" not in swapped.split("<main>")[1].split("grid")[1]
    )
    assert "“red”: nearer than" in stepped and "“in green”: nearer than" in page
    assert "less by “red”" not in page and "less by “in green”" in page  # of what was overruled, nothing is said


def test_pictures_that_lie_elsewhere_are_told_of(shop, tmp_path):
    (tmp_path / "shop.csv").write_bytes((shop / "shop.csv").read_bytes())
    done = run("audit", tmp_path / "shop.csv", code=3)
    assert "5 articles of 4 products, 0 pictures" in done.output
    assert f"looked for in {tmp_path}; if they lie elsewhere: --set pictures=FOLDER" in done.output
    done = run("index", tmp_path / "shop.csv", "--to", tmp_path / "c.collection", "--encoder", "tiny", code=3)
    assert "No picture was taken." in done.output and "--set pictures=FOLDER" in done.output


def test_a_spreadsheet_sees_no_formula(shop):
    out = shop / "hits.csv"
    run("search", shop / "shop.collection", "--text", "blue", "--out", out)
    cells = [cell for row in csv.reader(out.read_text(encoding="utf-8").splitlines()) for cell in row]
    assert "'=cmd()|'/c calc'!A1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_a_new_price_encodes_nothing_again(shop, tmp_path):
    (tmp_path / "s").mkdir()
    for each in shop.glob("*.png"):
        (tmp_path / "s" / each.name).write_bytes(each.read_bytes())
    root, at = tmp_path / "s/shop.csv", tmp_path / "c.collection"
    text = (shop / "shop.csv").read_text(encoding="utf-8")
    root.write_text(text, encoding="utf-8")
    run("index", root, "--to", at, "--encoder", "tiny")
    root.write_text(text.replace("9,00 EUR;;in stock;Hats", "5,00 EUR;;in stock;Hats"), encoding="utf-8")
    with fieldglass.open(at) as opened:
        before = opened.store.snapshot().size
    run("index", root, "--to", at)
    with fieldglass.open(at) as opened:
        assert opened.store.snapshot().size == before  # the same rows of vectors
        (hit,) = opened.search(like="3", where="id = '3'")
        assert (hit.metadata["price"], hit.metadata["near_duplicate"]) == (5.0, "3")


def test_prices_of_two_currencies_are_not_compared(shop, tmp_path):
    rows = [("sku", "price", "image"), ("1", "5 EUR", "red.png"), ("2", "5 USD", "blue.png")]
    for name in ("red", "blue"):
        paint(tmp_path / f"{name}.png", COLOURS[name])
    with open(tmp_path / "shop.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    run("index", tmp_path / "shop.csv", "--to", tmp_path / "c.collection", "--encoder", "tiny")
    for asked in (("--max-price", "9"), ("--where", "price < 9")):
        done = run("search", tmp_path / "c.collection", "--text", "red", *asked, code=2)
        assert "cannot be compared" in done.output and "--currency EUR" in done.output
    assert hits(tmp_path / "c.collection", "--text", "red", "--max-price", "9", "--currency", "usd") == ["2"]


def test_pairs_are_of_one_category_and_of_two_products(shop, tmp_path):
    out = tmp_path / "pairs.jsonl"
    run("pairs", shop / "shop.collection", "--out", out, "--low", "-1", "--high", "1")
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert rows == []  # the hats are one picture twice, and the others are alone in their category
    run("pairs", shop / "shop.collection", "--out", out, "--low", "0.9", "--high", "0.1", code=2)


def test_eval_finds_a_benchmark_of_any_domain():
    assert "package-pictures" in run("eval", "package-picture", code=2).output


def test_filters_are_said_as_a_person_would(shop, tmp_path):
    filters = "--category Dresses --max-price 60 --currency eur --in-stock --where price<99"
    for asked, said in ((filters, "Dresses, at most 60 EUR, in stock, where price&lt;99</p>"),
                        ("--where price<60", "where <code>price&lt;60</code>")):  # fmt: skip
        run("search", shop / "shop.collection", "--text", "red", *asked.split(), "--out", tmp_path / "h.html")
        page = (tmp_path / "h.html").read_text(encoding="utf-8")
        assert said in page and "category_1" not in page and "DRESSES" not in page


@pytest.mark.parametrize(("wanted", "said"), [
    (Wanted(), ""),
    (Wanted(min_price=20, max_price=1299.5, currency="eur", keep_missing=True),
     "20 to 1,299.50 EUR, or without a price"),
    (Wanted(min_price=5, size="38", color="red", brand="Acme"), "Acme, red, size 38, at least 5"),
    (Wanted(currency="GBP"), "prices in GBP"),
])  # fmt: skip
def test_what_is_wanted_in_words(wanted, said):
    assert in_words(wanted) == said and in_words(wanted, "a = 1") == (f"{said}, where a = 1" if said else "")

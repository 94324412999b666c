"""A shop's catalogue as items."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fieldglass
from fieldglass.errors import LoaderError
from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem
from fieldglass_fashion.loader import Catalogue

ROWS = [
    ("id", "title", "price", "image_link", "additional_image_link", "item_group_id", "size"),
    ("4711", "Red dress", "19,90 €", "red.jpg", "red_back.jpg,red_side.jpg", "D1", "38"),
    ("4712", "Blue dress", "1.299,00 EUR", "blue.jpg", "", "D1", "M"),
    ("4713", "Hat", "", "hat.jpg", "", "", ""),
]


def shop(folder: Path, rows=ROWS, **options) -> Path:
    """A catalogue and its pictures."""
    noise = np.random.default_rng(0)
    for name in ("red", "red_back", "red_side", "blue", "hat"):
        Image.fromarray(noise.integers(0, 256, (30, 20, 3), dtype=np.uint8)).save(folder / f"{name}.jpg")
    with open(folder / "shop.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, **options).writerows(rows)
    return folder / "shop.csv"


def scan(root: Path, **options) -> tuple[dict[str, Item], list[Problem]]:
    found = list(Catalogue(**options).scan(root))
    return {each.id: each for each in found if isinstance(each, Item)}, [e for e in found if isinstance(e, Problem)]


class TestCatalogue(LoaderContract):
    loader = "fashion/catalogue"

    def source(self, folder):
        return shop(folder)


def test_several_pictures_of_a_product_are_a_group(tmp_path):
    items, problems = scan(shop(tmp_path))
    assert not problems
    assert list(items) == ["4711", "4711#2", "4711#3", "4712", "4713"]
    assert [item.paths for item in items.values()][:3] == [("red.jpg",), ("red_back.jpg",), ("red_side.jpg",)]
    assert [item.groups["product"] for item in items.values()] == ["D1", "D1", "D1", "D1", "4713"]


def test_prices_are_numbers_with_a_currency(tmp_path):
    items, _ = scan(shop(tmp_path))
    assert items["4711"].metadata == {
        "article": "4711", "title": "Red dress", "price": 19.9, "currency": "EUR",
        "size": "38",
    }  # fmt: skip
    assert items["4712"].metadata["price"] == 1299.0
    assert "price" not in items["4713"].metadata and "size" not in items["4713"].metadata


def test_a_semicolon_catalogue_with_a_byte_order_mark(tmp_path):
    root = shop(tmp_path, delimiter=";")
    root.write_bytes(b"\xef\xbb\xbf" + root.read_bytes())
    items, problems = scan(root)
    assert len(items) == 5 and not problems


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (("", "nobody", "1", "hat.jpg", "", "", ""), "catalogue-id"),
        (("9", "web", "1", "https://shop.example/a.jpg", "", "", ""), "catalogue-remote"),
        (("9", "web", "1", "//cdn.example/a.jpg", "", "", ""), "catalogue-remote"),
        (("9", "out", "1", "../../etc/passwd", "", "", ""), "path-outside"),
        (("9", "out", "1", "/etc/passwd", "", "", ""), "path-outside"),
        (("9", "gone", "1", "gone.jpg", "", "", ""), "file-missing"),
        (("9", "bare", "1", "", "", "", ""), "catalogue-no-picture"),
        (("9", "dear", "a lot", "hat.jpg", "", "", ""), "catalogue-price"),
        (("9", "long", "1", "hat.jpg", "", "", "", "one more"), "catalogue-row"),
    ],
)
def test_a_bad_row_is_a_problem_with_its_line(tmp_path, row, code):
    items, problems = scan(shop(tmp_path, [*ROWS, row]))
    assert [problem.code for problem in problems] == [code]
    assert "5" in problems[0].subject and "Line 5" in problems[0].message
    assert set(items) >= {"4711", "4712", "4713"}
    assert ("9" in items) == (problems[0].severity == "warning")


def test_a_number_that_is_there_twice_is_an_upsert(tmp_path):
    rows = [*ROWS, ("4711", "Red dress, mended", "17,90 €", "hat.jpg", "", "D1", "38")]
    items, problems = scan(shop(tmp_path, rows))
    assert items["4711"].metadata["title"] == "Red dress, mended" and items["4711"].paths == ("hat.jpg",)
    assert "4711#2" not in items
    assert [(each.code, each.severity, each.subject) for each in problems] == [
        ("catalogue-duplicate", "warning", "shop.csv:2")
    ]


def test_a_number_that_is_there_twice_is_an_error_by_option(tmp_path):
    rows = [*ROWS, ("4711", "again", "17,90 €", "hat.jpg", "", "D1", "38")]
    items, problems = scan(shop(tmp_path, rows), duplicates="error")
    assert items["4711"].metadata["title"] == "Red dress"
    assert [(each.code, each.severity, each.subject) for each in problems] == [
        ("catalogue-duplicate", "error", "shop.csv:5")
    ]


def test_one_bad_picture_leaves_the_others_of_the_product(tmp_path):
    items, problems = scan(shop(tmp_path, [ROWS[0], ("1", "x", "5", "gone.jpg", "hat.jpg", "", "")]))
    assert list(items) == ["1"] and items["1"].paths == ("hat.jpg",)
    assert [problem.code for problem in problems] == ["file-missing"]


def test_pictures_may_lie_elsewhere(tmp_path):
    (tmp_path / "img").mkdir()
    shop(tmp_path / "img").rename(tmp_path / "shop.csv")
    items, _ = scan(tmp_path / "shop.csv", pictures="img")
    assert len(items) == 5


def test_a_table_without_article_numbers_is_refused(tmp_path):
    root = shop(tmp_path, [("name", "image"), ("x", "hat.jpg")])
    with pytest.raises(LoaderError, match="id_column"):
        scan(root)
    assert list(scan(root, id_column="name")[0]) == ["x"]


def test_products_are_indexed_filtered_and_collapsed(tmp_path):
    made = fieldglass.create(tmp_path / "shop.collection", encoder="mini")
    report = made.index(shop(tmp_path), loader="fashion/catalogue")
    assert report.new == 5
    found = made.search(image=tmp_path / "red.jpg", where="price < 50", collapse="product")
    assert [hit.id for hit in found] == ["4711"]
    assert found.hits[0].metadata["title"] == "Red dress"

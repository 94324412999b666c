"""Catalogues as Shopify, WooCommerce and Google Merchant write them, and as spreadsheets spoil them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from fieldglass.errors import LoaderError
from fieldglass.types import Item, Problem
from fieldglass_fashion.loader import Catalogue

NAMES = ("red.jpg", "red2.jpg", "blue.jpg", "hat.jpg")


def picture(name: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (20, 30), (NAMES.index(name) * 60, 20, 90)).save(data, "JPEG")
    return data.getvalue()


def write(folder: Path, *rows: tuple[str, ...], name: str = "shop.csv", encoding: str = "utf-8", **how) -> Path:
    for each in NAMES:
        (folder / each).write_bytes(picture(each))
    with open(folder / name, "w", newline="", encoding=encoding) as file:
        csv.writer(file, **how).writerows(rows)
    return folder / name


def scan(root: Path, **options) -> tuple[dict[str, Item], list[Problem]]:
    found = list(Catalogue(**options).scan(root))
    return {each.id: each for each in found if isinstance(each, Item)}, [e for e in found if isinstance(e, Problem)]


SHOPIFY = [
    ("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Option1 Name", "Option1 Value",
     "Option2 Name", "Option2 Value", "Variant SKU", "Variant Inventory Tracker", "Variant Inventory Qty",
     "Variant Inventory Policy", "Variant Price", "Variant Compare At Price", "Image Src", "Image Position",
     "Variant Image"),
    ("dress", "Red dress", "<p>Soft &amp; <b>warm</b></p>", "Acme", "Apparel > Dresses", "Dress", "Color", "Red",
     "Size", "38", "D-38", "shopify", "3", "deny", "19.90", "29.90", "red2.jpg", "2", ""),
    ("dress", "", "", "", "", "", "", "Blue", "", "40", "D-40", "shopify", "0", "deny", "19.90", "", "red.jpg", "1",
     "blue.jpg"),
    ("dress", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "hat.jpg", "3", ""),
    ("hat", "Hat", "", "Acme", "", "Hats", "Title", "Default Title", "", "", "", "", "", "deny", "9.90", "", "hat.jpg",
     "1", ""),
]  # fmt: skip


def test_shopify(tmp_path):
    items, problems = scan(write(tmp_path, *SHOPIFY), currency="eur")
    assert not problems
    assert list(items) == ["D-38", "D-38#2", "D-38#3", "D-40", "hat"]
    assert [items[f"D-38{n}"].paths[0] for n in ("", "#2", "#3")] == ["red.jpg", "red2.jpg", "hat.jpg"]
    assert items["D-40"].paths == ("blue.jpg",)  # the picture of the variant alone
    assert items["D-38"].groups == items["D-40"].groups == {"product": "dress"}
    assert items["D-38"].metadata == {
        "article": "D-38", "handle": "dress", "title": "Red dress", "description": "Soft & warm", "brand": "Acme",
        "category": "Dresses", "category_path": "Apparel > Dresses", "category_1": "Apparel",
        "category_2": "Dresses", "color": "Red", "size": "38", "price": 19.9,
        "list_price": 29.9, "currency": "EUR", "stock": 3, "in_stock": True,
    }  # fmt: skip
    assert items["D-40"].metadata["in_stock"] is False and items["D-40"].metadata["title"] == "Red dress"
    assert items["hat"].metadata["in_stock"] is True  # nobody counts its stock
    assert items["hat"].metadata["category"] == "Hats"


WOOCOMMERCE = [
    ("ID", "Type", "SKU", "Name", "Published", "Short description", "In stock?", "Stock", "Sale price",
     "Regular price", "Categories", "Images", "Parent", "Attribute 1 name", "Attribute 1 value(s)"),
    ("10", "variable", "DRESS", "Red dress", "1", "Soft", "1", "", "", "", "Clothing > Women, Sale",
     "red.jpg, red2.jpg", "", "Size", "38, 40"),
    ("11", "variation", "DRESS-38", "Red dress - 38", "1", "", "1", "4", "15", "19.90", "", "", "id:10", "Size", "38"),
    ("12", "variation", "DRESS-40", "Red dress - 40", "1", "", "0", "", "", "19.90", "", "blue.jpg", "DRESS", "Size",
     "40"),
    ("13", "simple", "", "Hat", "1", "", "1", "", "", "9.90", "Hats", "hat.jpg", "", "", ""),
    ("14", "variable", "LONE", "No variation", "1", "", "1", "", "", "5", "Hats", "hat.jpg", "", "", ""),
]  # fmt: skip


def test_woocommerce(tmp_path):
    items, problems = scan(write(tmp_path, *WOOCOMMERCE))
    assert not problems
    assert list(items) == ["DRESS-38", "DRESS-38#2", "DRESS-40", "13", "LONE"]
    assert items["DRESS-38"].paths == ("red.jpg",) and items["DRESS-40"].paths == ("blue.jpg",)
    assert {items[each].groups["product"] for each in ("DRESS-38", "DRESS-40")} == {"DRESS"}
    found = items["DRESS-38"].metadata
    assert (found["price"], found["list_price"], found["size"], found["stock"]) == (15.0, 19.9, "38", 4)
    assert (found["category"], found["category_path"]) == ("Women", "Clothing > Women")
    assert items["DRESS-40"].metadata["in_stock"] is False


GOOGLE = [
    ("id", "title", "description", "link", "image_link", "additional_image_link", "availability", "price",
     "sale_price", "sale_price_effective_date", "product_type", "item_group_id", "gtin"),
    ("1", "Dress", "Soft", "https://x.example/1", "red.jpg", "red2.jpg,blue.jpg", "in_stock", "29.90 EUR", "19.90 EUR",
     "", "Home > Women > Dresses", "G", "0401"),
    ("2", "Dress", "Soft", "https://x.example/2", "blue.jpg", "", "out of stock", "29.90 EUR", "19.90 EUR",
     "2026-01-01T00:00Z/2026-02-01T00:00Z", "Home > Women > Dresses", "G", "0402"),
]  # fmt: skip


def test_google_merchant(tmp_path):
    items, problems = scan(write(tmp_path, *GOOGLE, name="feed.tsv", delimiter="\t"))
    assert not problems
    assert list(items) == ["1", "1#2", "1#3", "2"]
    first, second = items["1"].metadata, items["2"].metadata
    assert (first["price"], first["list_price"], first["currency"], first["in_stock"]) == (19.9, 29.9, "EUR", True)
    assert (second["price"], second["sale_price"], second["in_stock"]) == (29.9, 19.9, False)  # reduced in a period
    assert (first["category"], first["category_path"]) == ("Dresses", "Home > Women > Dresses")
    assert first["gtin"] == "0401"


def test_semicolons_a_mark_and_decimal_commas(tmp_path):
    rows = [("sku", "name", "price", "weight", "image"), ("1", "Kleid", "1.299,00 €", "0,25", "red.jpg"),
            ("2", "Hut", "9,95", "1,5", "hat.jpg")]  # fmt: skip
    root = write(tmp_path, *rows, encoding="utf-8-sig", delimiter=";")
    items, problems = scan(root, currency="EUR")
    assert not problems
    assert items["1"].metadata == {
        "article": "1", "title": "Kleid", "price": 1299.0, "currency": "EUR", "weight": 0.25
    }  # fmt: skip
    assert items["2"].metadata["price"] == 9.95


def test_the_prices_of_a_column_say_what_marks_its_decimals(tmp_path):
    rows = [("sku", "price", "image"), ("1", "19,90", "red.jpg"), ("2", "1.299", "hat.jpg"), ("3", "7", "hat.jpg")]
    assert scan(write(tmp_path, *rows))[0]["2"].metadata["price"] == 1299.0
    rows[1] = ("1", "19.90", "red.jpg")
    assert scan(write(tmp_path, *rows))[0]["2"].metadata["price"] == 1.299
    assert scan(write(tmp_path, *rows), decimal=",")[0]["2"].metadata["price"] == 1299.0


def test_two_currencies_in_one_row_are_no_price(tmp_path):
    rows = [("sku", "price", "sale_price", "image"), ("1", "19.90 EUR", "18.00 USD", "red.jpg")]
    items, problems = scan(write(tmp_path, *rows))
    assert "price" not in items["1"].metadata
    assert [each.code for each in problems] == ["catalogue-price"]


def test_the_code_page_of_windows_is_read_and_said(tmp_path):
    rows = [("sku", "name", "image"), ("1", "Größe 40 – Mütze", "red.jpg")]
    items, problems = scan(write(tmp_path, *rows, encoding="cp1252"))
    assert items["1"].metadata["title"] == "Größe 40 – Mütze"
    assert [(each.code, each.severity) for each in problems] == [("catalogue-encoding", "warning")]
    assert scan(write(tmp_path, *rows, encoding="utf-16"))[1] == []


def test_json_lines_with_lists_and_numbers(tmp_path):
    write(tmp_path)
    rows = [{"sku": 4711, "price": 1299.123, "images": ["red.jpg", "blue.jpg"], "stock": 0}]
    (tmp_path / "shop.jsonl").write_text("\n".join(map(json.dumps, rows)))
    items, problems = scan(tmp_path / "shop.jsonl")
    assert not problems and list(items) == ["4711", "4711#2"]
    assert items["4711"].metadata == {"article": "4711", "price": 1299.123, "stock": 0, "in_stock": False}


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    write(tmp_path)
    table = pa.table({"id": [4711.0, None], "price": [19.9, 5.0], "image": ["red.jpg", "hat.jpg"]})
    pq.write_table(table, tmp_path / "shop.parquet")
    items, problems = scan(tmp_path / "shop.parquet")
    assert list(items) == ["4711"] and items["4711"].metadata["price"] == 19.9
    assert [each.code for each in problems] == ["catalogue-id"]


def test_a_catalogue_without_pictures_is_refused(tmp_path):
    with pytest.raises(LoaderError, match="is a picture"):
        scan(write(tmp_path, ("sku", "price"), ("1", "2")))


def test_headers_in_capitals_have_their_prices(tmp_path):
    """As spreadsheets and people write them: "Price" is the price, in any case."""
    rows = [
        ("Artikelnummer", "Bezeichnung", "Kategorie", "Marke", "Preis", "Sale Price", "Bestand", "Bild"),
        ("0042", "Kleid", "Damen > Kleider", "Acme", "1.299,00 EUR", "49,90 EUR", "3", "red.jpg"),
        ("0043", "Hut", "Hüte", "Acme", "EUR 2.049,50", "", "0", "hat.jpg"),
    ]
    items, problems = scan(write(tmp_path, *rows, delimiter=";", encoding="utf-8-sig"))
    assert not problems and list(items) == ["0042", "0043"]
    cells = items["0042"].metadata
    assert (cells["price"], cells["list_price"], cells["currency"]) == (49.9, 1299.0, "EUR")
    assert (cells["title"], cells["category"], cells["brand"], cells["stock"]) == ("Kleid", "Kleider", "Acme", 3)
    assert items["0043"].metadata["price"] == 2049.5 and items["0043"].metadata["in_stock"] is False
    english, _ = scan(write(tmp_path, ("SKU", "Price", "Image"), ("1", "9.90", "red.jpg"), name="english.csv"))
    assert english["1"].metadata["price"] == 9.9


def test_shopify_keeps_zeros_with_an_apostrophe(tmp_path):
    rows = [("Handle", "Variant SKU", "Variant Price", "Image Src"),
            ("dress", "'0042", "1.00", "red.jpg"), ("hat", "'s", "1.00", "hat.jpg")]  # fmt: skip
    items, _ = scan(write(tmp_path, *rows))
    assert list(items) == ["0042", "'s"]


def test_a_list_of_tags_is_words(tmp_path):
    write(tmp_path, ("id",))
    file = tmp_path / "shop.jsonl"
    file.write_text(json.dumps({"sku": "1", "tags": ["new", "", "summer"], "image": "red.jpg"}), encoding="utf-8")
    assert scan(file)[0]["1"].metadata["tags"] == "new, summer"


AT_HAND = [
    ("id", "image"),
    ("1", "https://cdn.example/files/red.jpg?v=17"),
    ("2", "https://shop.example/uploads/2024/a%20b.jpg"),
    ("3", "https://shop.example/uploads/2023/hat.jpg"),
    ("4", "https://shop.example/uploads/2024/hat.jpg"),
    ("5", "https://cdn.example/files/red.jpg?v=18"),
    ("6", "https://cdn.example/../../secret.jpg"),
    ("7", "https://cdn.example"),
]


def test_pictures_on_the_web_whose_files_are_at_hand(tmp_path):
    root = write(tmp_path, *AT_HAND)
    (tmp_path / "secret.jpg").write_bytes(picture("red.jpg"))
    media = tmp_path / "media"
    (media / "2024").mkdir(parents=True)
    for name in ("red.jpg", "2024/a b.jpg", "hat.jpg"):
        (media / name).write_bytes(picture("hat.jpg"))
    items, problems = scan(root, pictures="media")
    assert {name: item.paths[0] for name, item in items.items()} == {
        "1": "red.jpg", "2": "2024/a b.jpg", "3": "hat.jpg", "5": "red.jpg",
    }  # fmt: skip
    assert [each.code for each in problems] == ["catalogue-ambiguous", "catalogue-remote", "catalogue-remote"]
    assert "2023/hat.jpg" in problems[0].message and "2024/hat.jpg" in problems[0].message
    unasked, told = scan(root)
    assert not unasked and all("--set pictures=FOLDER" in each.message for each in told)


def test_a_first_line_that_tells_excel_the_delimiter(tmp_path):
    rows = [("sku", "price", "image"), ("1", "9,90", "red.jpg"), ("2", "on request", "hat.jpg")]
    root = write(tmp_path, *rows, delimiter=";")
    root.write_text("sep=;\r\n" + root.read_text(encoding="utf-8"), encoding="utf-8-sig", newline="")
    items, problems = scan(root)
    assert items["1"].metadata["price"] == 9.9 and list(items) == ["1", "2"]
    assert [each.subject for each in problems] == ["shop.csv:4"]  # the line as an editor counts it


def test_no_row_that_can_be_read_is_not_nothing(tmp_path):
    root = write(tmp_path, ("sku", "image"))
    assert scan(root) == ({}, [])
    root.write_text("sku,image\n1,a.jpg,x\n2,b.jpg,x\n", encoding="utf-8")
    assert [each.code for each in scan(root)[1]] == ["catalogue-row"] * 2

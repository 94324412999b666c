"""The table loader: columns, types, ids, and every way a catalogue can be wrong."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bad_images
from fieldglass.errors import LoaderError
from fieldglass.loaders.cells import ColumnTypes
from fieldglass.loaders.rows import BadRow, Row, read_rows
from fieldglass.loaders.table import Table
from fieldglass.types import Item, Problem

PICTURE = bad_images.encoded(bad_images.picture(8, 8), "PNG")


@pytest.fixture
def shop(tmp_path):
    for name in ("a.png", "b.png", "c.png", "sub/d.png", "ü 图.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PICTURE)
    return tmp_path


def scan(folder: Path, text: str | bytes, name: str = "shop.csv", **options) -> list[Item | Problem]:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(data)
    return list(Table(**options).scan(folder / name))


def split(found):
    return [x for x in found if isinstance(x, Item)], [x for x in found if isinstance(x, Problem)]


def test_a_catalogue_has_typed_columns(shop):
    (a, b), bad = split(scan(shop, (
        "image,price,stock,sale,day,seen,code,size,note\n"
        'a.png,9.5,3,true,2024-05-06,2024-05-06T07:08:09,007,38,"a, b"\n'
        "b.png,12,NA,False,,,010,M,NA\n"
    )))  # fmt: skip
    assert not bad
    assert a.id == "a.png"
    assert dict(a.metadata) == {
        "price": 9.5, "stock": 3, "sale": True, "day": date(2024, 5, 6), "seen": datetime(2024, 5, 6, 7, 8, 9),
        "code": "007", "size": "38", "note": "a, b",
    }  # fmt: skip
    assert dict(b.metadata) == {"price": 12.0, "sale": False, "code": "010", "size": "M", "note": "NA"}
    assert type(b.metadata["price"]) is float


def test_a_spreadsheet_with_decimal_commas(shop):
    text = 'path;preis;uvp;menge;größe\na.png;9,95;"1.299,00";3;38\nb.png;12;1,5;4;36,5\nc.png;;+7;1.000;M\n'
    (a, b, c), bad = split(scan(shop, text))
    assert not bad
    assert dict(a.metadata) == {"preis": 9.95, "uvp": 1299.0, "menge": 3.0, "größe": "38"}
    assert dict(b.metadata) == {"preis": 12.0, "uvp": 1.5, "menge": 4.0, "größe": "36,5"}
    assert dict(c.metadata) == {"uvp": 7.0, "menge": 1.0, "größe": "M"}
    items, _ = split(scan(shop, text, decimal=","))
    assert items[2].metadata["menge"] == 1000.0
    items, _ = split(scan(shop, text, decimal="."))
    assert items[0].metadata["preis"] == "9,95"


def test_commas_between_cells_are_no_decimals(shop):
    (item,), _ = split(scan(shop, 'path,size\na.png,"36,38"\n'))
    assert item.metadata["size"] == "36,38"


def test_the_unicode_text_of_a_spreadsheet(shop):
    (item,), bad = split(scan(shop, "path\tname\nü 图.png\tschön\n".encode("utf-16"), name="shop.txt"))
    assert not bad and item.metadata["name"] == "schön"


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_header(shop, mark):
    (item,), bad = split(scan(shop, f"path{mark}price\na.png{mark}5\n"))
    assert not bad
    assert item.metadata == {"price": 5}


@pytest.mark.parametrize("name", ["shop.csv", "shop.tsv", "shop.jsonl", "shop.parquet"])
def test_every_format_gives_the_same_items(shop, name):
    rows = [{"file": "a.png", "price": 9.5, "kind": "dress"}, {"file": "sub/d.png", "price": 2.0, "kind": "hat"}]
    if name.endswith("parquet"):
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.Table.from_pylist(rows), shop / name)
        found = list(Table().scan(shop / name))
    elif name.endswith("jsonl"):
        found = scan(shop, "\n".join(map(json.dumps, rows)), name)
    else:
        mark = "," if name.endswith("csv") else "\t"
        lines = [mark.join(map(str, each)) for each in (rows[0], *(row.values() for row in rows))]
        found = scan(shop, "\n".join(lines), name)
    assert [(x.id, dict(x.metadata)) for x in found] == [
        ("a.png", {"price": 9.5, "kind": "dress"}),
        ("sub/d.png", {"price": 2.0, "kind": "hat"}),
    ]
    (sample,) = Table().read([found[1]], shop / name)
    assert sample.content.shape == (8, 8, 3)


def test_id_root_groups_and_path_column(shop):
    options = {"id_column": "sku", "path_column": "pic", "root": "sub", "groups": ("brand",)}
    found = scan(shop, "sku,pic,brand\nx1,d.png,Acme\n", **options)
    (item,), _ = split(found)
    assert (item.id, item.paths, dict(item.groups)) == ("x1", ("d.png",), {"brand": "Acme"})


def test_a_column_that_is_not_there_is_named(shop):
    with pytest.raises(LoaderError, match=r"no column 'imge'.*'image'"):
        scan(shop, "image,price\na.png,1\n", path_column="imge")
    with pytest.raises(LoaderError, match=r"price, kind.*path_column"):
        scan(shop, "price,kind\n1,2\n")


@pytest.mark.parametrize(
    ("path", "code"),
    [("../x.png", "path-outside"), ("/etc/passwd", "path-outside"), ("sub/../../x.png", "path-outside"),
     ("http://h/x.png", "path-outside"), ("a\0.png", "path-outside"), ("none.png", "file-missing"),
     ("", "table-path"), ("x" * 5000 + ".png", "table-path"), ("sub", "file-missing"), ("/vsicurl/x", "path-outside"),
     ("link.png", "path-outside")],
)  # fmt: skip
def test_a_bad_path_is_a_problem_with_its_line(shop, tmp_path_factory, path, code):
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    outside.write_bytes(PICTURE)
    (shop / "link.png").symlink_to(outside)
    (good,), (bad,) = split(scan(shop, f"path,price\n{path},1\na.png,2\n"))
    assert good.id == "a.png"
    assert (bad.code, bad.subject) == (code, "shop.csv:2")
    assert "Line 2" in bad.message
    assert len(bad.message) < 500


def test_bom_and_non_ascii(shop):
    (item,), bad = split(scan(shop, "\ufeffpath,price\nü 图.png,1\n"))
    assert not bad
    assert item.id == "ü 图.png"


def test_bad_utf8_names_the_option(shop):
    text = "path,who\na.png,café\n".encode("latin-1")
    with pytest.raises(LoaderError, match=r"is not utf-8.*encoding="):
        scan(shop, text)
    (item,), _ = split(scan(shop, text, encoding="latin-1"))
    assert item.metadata["who"] == "café"
    with pytest.raises(LoaderError, match="no encoding"):
        scan(shop, text, encoding="nonsense")


def test_duplicates_last_wins_or_error(shop):
    text = "path,price\na.png,1\nb.png,2\n./a.png,3\n"
    found, bad = split(scan(shop, text))
    assert [(x.id, x.metadata["price"]) for x in found] == [("b.png", 2), ("a.png", 3)]
    assert not bad
    found, bad = split(scan(shop, text, duplicates="error"))
    assert [(x.id, x.metadata["price"]) for x in found] == [("a.png", 1), ("b.png", 2)]
    assert [(x.subject, x.code) for x in bad] == [("shop.csv:4", "table-duplicate")]


def test_several_paths_in_a_row(shop):
    text = '{"id": "p", "images": ["a.png", "b.png"]}\n{"id": "q", "images": "c.png|a.png"}\n'
    options = {"path_column": "images", "id_column": "id"}
    found, _ = split(scan(shop, text, "x.jsonl", **options))
    assert [(x.id, x.paths) for x in found] == [("p", ("a.png",)), ("q", ("c.png",))]
    found, _ = split(scan(shop, text, "x.jsonl", several="each", **options))
    assert [(x.id, x.paths, dict(x.groups)) for x in found] == [
        ("p#1", ("a.png",), {"row": "p"}), ("p#2", ("b.png",), {"row": "p"}),
        ("q#1", ("c.png",), {"row": "q"}), ("q#2", ("a.png",), {"row": "q"}),
    ]  # fmt: skip


def test_a_quote_bomb_costs_its_own_line(shop):
    text = 'path,note\na.png,"never closed\nb.png,1\nc.png,2\n' + "".join(f"b.png,{n}\n" for n in range(30000))
    found, bad = split(scan(shop, text, duplicates="error"))
    assert [x.id for x in found] == ["b.png", "c.png"]
    assert (bad[0].subject, bad[0].code) == ("shop.csv:2", "table-row")
    assert "quote" in bad[0].message


def test_a_huge_field_and_a_huge_line_are_bounded(shop):
    found, bad = split(scan(shop, f"path,note\na.png,{'x' * 200_000}\nb.png,{'y' * 3_000_000}\nc.png,ok\n"))
    assert [x.id for x in found] == ["c.png"]
    assert [x.subject for x in bad] == ["shop.csv:2", "shop.csv:3"]


def test_wrong_rows(shop):
    found, bad = split(scan(shop, "path,price\na.png,1,2,3\nb.png\n\nc.png,1\n"))
    assert [x.id for x in found] == ["b.png", "c.png"]
    assert [(x.subject, x.code) for x in bad] == [("shop.csv:2", "table-row")]
    found, bad = split(scan(shop, '{"path": "a.png"}\n{"path": \n[1]\n', "x.jsonl"))
    assert [x.id for x in found] == ["a.png"]
    assert [x.subject for x in bad] == ["x.jsonl:2", "x.jsonl:3"]


def test_a_table_of_garbage_is_given_up(shop):
    with pytest.raises(LoaderError, match="over 1000 rows"):
        scan(shop, "path\n" + "a,b\n" * 2000)
    assert scan(shop, "") == []
    assert scan(shop, "path\n") == []
    pytest.importorskip("pyarrow")
    with pytest.raises(LoaderError, match="not a whole Parquet"):
        scan(shop, b"PAR1 and then nothing", "x.parquet")
    with pytest.raises(LoaderError, match="not a table"):
        scan(shop, "x", "x.xlsx")


def test_formula_text_is_kept_as_text(shop):
    (item,), _ = split(scan(shop, "path,note\na.png,=1+1\n"))
    assert item.metadata["note"] == "=1+1"


cell = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.dates())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.fixed_dictionaries({}, optional={"a": cell, "b": cell}), max_size=6))
def test_a_column_has_one_type(rows):
    types = ColumnTypes()
    for row in rows:
        types.see(row)
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for name, value in types.typed(row).items():
            kinds.setdefault(name, set()).add(date if isinstance(value, date) else type(value))
    assert all(len(found) == 1 for found in kinds.values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(tmp_path, data):
    for name in ("x.csv", "x.jsonl"):
        (tmp_path / name).write_bytes(b"path,b\n" + data)
        try:
            assert all(isinstance(row, Row | BadRow) for row in read_rows(tmp_path / name))
        except LoaderError as error:
            assert "utf-8" in str(error)

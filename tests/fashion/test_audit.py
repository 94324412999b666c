"""What an audit finds: every kind of finding in one catalogue, and none in a sound one."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from fieldglass.cli import main
from fieldglass.types import Item
from fieldglass_fashion.audit import MEANINGS, audit
from fieldglass_fashion.demo import write_shop
from fieldglass_fashion.loader import Catalogue


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Twenty real garments, and rows that are spoiled in every way."""
    root = write_shop(tmp_path_factory.mktemp("shop"), 20)
    good = root.read_text(encoding="utf-8")
    with open(root, "a", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows([
            ("S1", "S1", "No picture", "Hats", "red", "", "9,90 €", "in stock", "", "0"),
            ("S2", "S2", "Gone", "Hats", "red", "", "9,90 €", "in stock", "gone.png", "0"),
            ("S3", "S3", "On the web", "Hats", "red", "", "9,90 €", "in stock", "https://x.example/a.png", "0"),
            ("S4", "S4", "Outside", "Hats", "red", "", "9,90 €", "in stock", "../catalogue.csv", "0"),
            ("G0003", "G0003", "Twice", "Hats", "red", "", "9,90 €", "in stock", "G0003.png", "0"),
            ("S5", "S5", "Dear", "Hats", "red", "", "on request", "in stock", "G0004.png", "0"),
            ("S6", "S6", "=1+1", "Hats", "red", "", "$ 5,00", "in stock", "page.png", "0"),
            ("", "S7", "Nameless", "Hats", "red", "", "9,90 €", "in stock", "G0004.png", "0"),
            ("S8", "S8", "", "Hats", "red", "", "9,90 €", "in stock", "G0005.png", "0"),
            ("S9", "S9", "Long", "Hats", "red", "", "9,90 €", "in stock", "G0005.png", "0", "x"),
        ])  # fmt: skip
    (root.parent / "pictures/page.png").write_text("<html>404</html>")
    return root, good


def test_every_kind_is_found(shop):
    found = audit(shop[0], Catalogue(pictures="pictures"))
    assert found.counts == {
        "near duplicates": 2, "missing picture": 2, "picture on the web": 1, "unsafe path": 1,
        "duplicate article number": 1, "unreadable price": 1, "no price": 1, "broken picture": 1,
        "no article number": 1, "no title": 1, "unreadable row": 1, "several currencies": 1,
    }  # fmt: skip
    assert {name for name, codes in MEANINGS.items() for code in codes} >= {"missing picture", "encoding"}
    (double, other) = [each.message for each in found.findings if each.kind == "near duplicates"]
    assert "G0004" in double and "S5" in double and "S8" in other
    assert found.currencies == {"EUR": 21, "$": 1}


def test_a_sound_catalogue_has_nothing(shop, tmp_path):
    root = write_shop(tmp_path, 12)
    found = audit(root, Catalogue(pictures="pictures"))
    assert (found.findings, found.articles, found.products, found.pictures) == ([], 12, 11, 12)


def test_the_command_prints_writes_and_exits_with_3(shop, tmp_path):
    out = tmp_path / "findings.csv"
    asked = ["fashion", "audit", str(shop[0]), "--set", "pictures=pictures"]
    done = CliRunner().invoke(main, [*asked, "--out", str(out)])
    assert done.exit_code == 3
    assert "near duplicates" in done.stdout and "catalogue.csv:22" in done.stdout
    assert "'=" not in done.stdout
    rows = list(csv.reader(out.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["finding", "where", "what"] and len(rows) == 15
    shown = json.loads(CliRunner().invoke(main, [*asked, "--format", "json", "--no-pictures"]).stdout)
    assert "near duplicates" not in shown["counts"] and shown["counts"]["missing picture"] == 2


def test_a_catalogue_that_is_not_there(tmp_path):
    done = CliRunner().invoke(main, ["fashion", "audit", str(tmp_path / "none.csv")])
    assert done.exit_code == 1 and "no catalogue" in done.output


def test_an_audit_looks_at_what_an_index_marks(tmp_path):
    """At previews: two garments that are a hair's breadth within the bounds before WebP are beyond them after it."""
    from fieldglass.ingest.previews import thumbnail
    from fieldglass_fashion.near_duplicates import groups, signature, signature_of

    root = write_shop(tmp_path, 80)
    loader = Catalogue(pictures="pictures")
    items = [each for each in loader.scan(root) if isinstance(each, Item)]
    content = [sample.content for item in items for sample in loader.read([item], root)]
    alone = list(range(len(items)))
    assert groups(np.stack([signature(each) for each in content])).tolist() != alone
    assert groups(np.stack([signature_of(thumbnail(each)) for each in content])).tolist() == alone
    assert "near duplicates" not in audit(root, loader).counts


def test_an_empty_catalogue_is_told_to_be_empty(tmp_path):
    (tmp_path / "shop.csv").write_text("sku,image\n", encoding="utf-8")
    shown = CliRunner().invoke(main, ["fashion", "audit", str(tmp_path / "shop.csv")])
    assert shown.exit_code == 0 and "The catalogue has no rows." in shown.output

"""Commands that change or check a collection, from annotate to import."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

import fieldglass
from fieldglass.cli import main
from plugged import paint, site  # noqa: F401


@pytest.fixture
def invoke(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with fieldglass.create("c.collection", "tiny") as made:
        made.index(paint(tmp_path / "pics"))
    return lambda *arguments, **options: CliRunner().invoke(main, [str(each) for each in arguments], **options)


def ids(where: str) -> set[str]:
    with fieldglass.open("c.collection") as opened:
        return {hit.id for hit in opened.search(text="red", where=where, k=99)}


def test_annotate_joins_by_id(invoke, tmp_path):
    (tmp_path / "prices.csv").write_text("file,price,maker\nred.png,5,ann\nblue.png,7,bob\nnone.png,1,cy\n")
    found = invoke("annotate", "c.collection", "prices.csv", "--on", "file", "--columns", "price")
    assert found.stdout == "annotated 2 items, 1 rows without an item, 0 bad rows\n"
    assert ids("price < 6") == {"red.png"}
    assert invoke("annotate", "c.collection", "prices.csv").exit_code != 0


def test_annotate_from_a_spreadsheet(invoke, tmp_path):
    (tmp_path / "preise.csv").write_bytes("datei;preis;größe\nred.png;5,50;7\nblue.png;7;x\n".encode("cp1252"))
    found = invoke("annotate", "c.collection", "preise.csv", "--on", "datei")
    assert found.exit_code == 1 and "--set encoding=cp1252" in found.stderr
    assert "--on COLUMN" in invoke("annotate", "c.collection", "preise.csv", "--set", "encoding=cp1252").stderr
    options = ("--on", "datei", "--set", "encoding=cp1252")
    assert invoke("annotate", "c.collection", "preise.csv", *options).exit_code == 0
    assert ids("preis < 6 AND größe = '7'") == {"red.png"}
    (tmp_path / "preise.csv").write_text("datei;preis\nred.png;teuer\n")
    found = invoke("annotate", "c.collection", "preise.csv", "--on", "datei")
    assert found.exit_code == 0 and "note: 1 cells do not suit their column" in found.stderr
    assert invoke("annotate", "c.collection", "preise.csv", "--set", "on=datei").exit_code == 2


def test_refresh_runs(invoke):
    assert invoke("refresh", "c.collection").stdout == "refreshed 0 items\n"


def test_rm_by_id_filter_and_list(invoke):
    assert invoke("rm", "c.collection", "red.png", "none.png").stdout == "removed 1 items, 1 were not there\n"
    assert invoke("rm", "c.collection", "--where", "name = 'blue.png'").stdout == "removed 1 items\n"
    assert invoke("rm", "c.collection", "-", input="dark.png\npink.png\n").stdout == "removed 2 items\n"
    assert ids("1 = 1") == {"green.png", "bright.png"}
    assert invoke("rm", "c.collection").exit_code == 2


def test_compact_and_build(invoke):
    invoke("rm", "c.collection", "red.png")
    found = invoke("compact", "c.collection")
    assert found.stdout.startswith("compacted: 1 removed items dropped"), found.output
    assert json.loads(invoke("info", "c.collection", "--format", "json").stdout)["items"] == 5
    assert invoke("build", "c.collection").stdout == "index: exact\n"
    assert invoke("build", "c.collection", "--kind", "ivv").exit_code == 2


def test_verify_names_what_is_damaged_and_repairs(invoke, tmp_path):
    assert invoke("verify", "c.collection").stdout == "c.collection: everything is whole\n"
    (segment,) = (tmp_path / "c.collection" / "segments").glob("*.image.npy")
    whole = bytearray(segment.read_bytes())
    whole[-3] ^= 0xFF
    segment.write_bytes(whole)
    found = invoke("verify", "c.collection", "--format", "json")
    assert found.exit_code == 1
    assert segment.name in json.loads(found.stdout)[0]["file"]
    assert segment.name in invoke("verify", "c.collection").stdout
    repaired = invoke("verify", "c.collection", "--repair")
    assert repaired.exit_code == 0 and "encodes 6 items again" in repaired.stderr
    assert "0 new, 6 changed" in invoke("index", "pics", "--to", "c.collection").stdout
    assert invoke("verify", "c.collection").exit_code == 0
    assert ids("1 = 1") == {path.name for path in (tmp_path / "pics").iterdir()}


def test_relocate(invoke, tmp_path):
    shutil.move(tmp_path / "pics", tmp_path / "elsewhere")
    assert invoke("relocate", "c.collection", "pics", "elsewhere").exit_code == 0
    assert "0 new, 0 changed, 6 unchanged" in invoke("index", "elsewhere", "--to", "c.collection").stdout
    with fieldglass.open("c.collection") as opened:
        assert opened.search(text="red", k=1)[0].path == tmp_path / "elsewhere" / "red.png"
    unknown = invoke("relocate", "c.collection", "picts", "elsewhere")
    assert unknown.exit_code == 2 and "picts" in unknown.stderr


def test_export_and_import_give_the_same_vectors(invoke):
    pytest.importorskip("pyarrow")
    assert invoke("export", "c.collection", "out", "--csv").stdout == "exported 6 items to out\n"
    assert invoke("export", "c.collection", "out").exit_code == 1
    assert invoke("import", "out", "--to", "copy.collection").stdout == "imported 6 items into copy.collection\n"
    with fieldglass.open("c.collection") as first, fieldglass.open("copy.collection") as second:
        for name in ("red.png", "pink.png"):
            rows = [each.store.snapshot() for each in (first, second)]
            vectors = [row.vectors("image", row.positions([name])) for row in rows]
            assert np.array_equal(*vectors)
        assert [hit.id for hit in first.search(text="red")] == [hit.id for hit in second.search(text="red")]

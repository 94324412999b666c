"""annotate, refresh and encoded text columns: what changes an item without its picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bad_images
import odd_loaders
import plugged
from fieldglass.errors import FieldglassError, LoaderError, UsageError
from fieldglass.ingest import annotate, encode_column, ingest, refresh
from fieldglass.registry import registry
from fieldglass.store import Store
from tiny import TinyEncoder


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        (folder / f"p{number}.jpg").write_bytes(bad_images.encoded(bad_images.picture(80, 60, number), "JPEG"))
    with Store.create(tmp_path / "x.collection") as made:
        ingest(made, folder, encoder=TinyEncoder())
        yield made


def cells(store, id):
    snapshot = store.snapshot()
    return snapshot.metadata(snapshot.positions([id]))[0]


def test_prices_and_captions_are_joined_by_id(store, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("id,price,caption\np0.jpg,5,a red thing\np1.jpg,7.5,\nnone.jpg,1,x\n,2,y\n")
    joined = annotate(store, table)
    assert (joined.matched, joined.unmatched, len(joined.bad)) == (2, 1, 1)
    assert cells(store, "p0.jpg")["price"] == 5.0
    assert cells(store, "p0.jpg")["caption"] == "a red thing"
    assert "caption" not in cells(store, "p1.jpg")
    table.write_text("id,caption\np0.jpg,\n")
    annotate(store, table)
    assert "caption" not in cells(store, "p0.jpg")
    assert cells(store, "p0.jpg")["price"] == 5.0


def test_one_odd_cell_costs_itself_alone(store, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("id,price\np0.jpg,5\np1.jpg,7.5\n")
    annotate(store, table)
    table.write_text("id,price\np0.jpg,6.5\np1.jpg,on request\n")
    joined = annotate(store, table)
    assert (joined.matched, joined.emptied) == (2, 1)
    assert cells(store, "p0.jpg")["price"] == 6.5
    assert "price" not in cells(store, "p1.jpg")
    assert [row.subject for row in store.snapshot().journal(severity="warning")] == ["p1.jpg"]


def test_annotations_outlive_the_next_ingest(store, tmp_path):
    (tmp_path / "t.jsonl").write_text(json.dumps({"file": "p0.jpg", "label": "hat", "other": 1}) + "\n")
    annotate(store, tmp_path / "t.jsonl", on="file", columns=["label"])
    (tmp_path / "photos/p0.jpg").write_bytes(bad_images.encoded(bad_images.picture(80, 60, 99), "JPEG"))
    assert ingest(store, tmp_path / "photos", encoder=TinyEncoder()).changed == 1
    assert cells(store, "p0.jpg")["label"] == "hat"
    assert "other" not in cells(store, "p0.jpg")


def test_a_table_that_cannot_be_joined(store, tmp_path):
    (tmp_path / "t.csv").write_text("id,price\np0.jpg,1\n")
    with pytest.raises(LoaderError, match=r"no column 'ids'.*'id'"):
        annotate(store, tmp_path / "t.csv", on="ids")
    with pytest.raises(LoaderError, match="There is no table"):
        annotate(store, tmp_path / "none.csv")
    (tmp_path / "t.csv").write_text("id\np0.jpg\n")
    with pytest.raises(UsageError, match=r"no column besides"):
        annotate(store, tmp_path / "t.csv")


def test_refresh_runs_the_hooks_of_a_new_plugin(store, tmp_path, monkeypatch):
    assert refresh(store) == 0
    site = tmp_path / "site"
    plugged.install(site, "odd", odd_loaders.HOOKS)
    monkeypatch.syspath_prepend(str(site))
    registry.cache_clear()
    try:
        done = []
        assert refresh(store, progress=lambda now, total: done.append((now, total))) == 4
        assert done[-1] == (4, 4)
        assert cells(store, "p0.jpg")["letters"] == 6
        assert refresh(store) == 0
    finally:
        registry.cache_clear()


def test_what_the_loader_says_of_an_item_stands_before_the_hooks_after_a_refresh_too(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.jpg").write_bytes(bad_images.encoded(bad_images.picture(80, 60, 1), "JPEG"))
    (tmp_path / "t.csv").write_text("path,width,title\na.jpg,5,hat\nb.jpg,,cap\n")  # a width in inches
    with Store.create(tmp_path / "x.collection") as made:
        ingest(made, tmp_path / "t.csv", encoder=TinyEncoder(), loader="table")
        before = {id: cells(made, id) for id in ("a.jpg", "b.jpg")}
        assert [(each["width"], each["height"]) for each in before.values()] == [(5, 60), (80, 60)]
        assert refresh(made) == 0
        with made.writer("test") as writer:
            writer.put_metadata([("a.jpg", {"height": 1}), ("b.jpg", {"width": 1})], annotated=False)
        assert refresh(made) == 2  # what hooks alone say is brought up to date
        assert {id: cells(made, id) for id in ("a.jpg", "b.jpg")} == before
        (tmp_path / "t.csv").unlink()
        assert refresh(made) == 1  # nobody knows any more whose width it was


def test_captions_become_a_field(store, tmp_path):
    (tmp_path / "t.csv").write_text("id,caption\np0.jpg,red\np1.jpg,blue\n")
    annotate(store, tmp_path / "t.csv")
    assert encode_column(store, "caption", TinyEncoder(), batch=1) == 2
    assert encode_column(store, "caption", TinyEncoder()) == 0
    snapshot = store.snapshot()
    assert snapshot.fields["caption"].origin == "column:caption"
    there = snapshot.present("caption")
    assert [bool(there[position]) for position in snapshot.positions(["p0.jpg", "p1.jpg", "p2.jpg"])] == [
        True, True, False,
    ]  # fmt: skip
    wanted = TinyEncoder().texts(["red", "blue"])
    found = snapshot.vectors("caption", snapshot.positions(["p0.jpg", "p1.jpg"]))[:, 0]
    assert np.allclose(found, wanted, atol=1e-6)
    assert encode_column(store, "caption", TinyEncoder(), again=True) == 2


def test_a_column_that_cannot_be_encoded(store):
    with pytest.raises(UsageError, match=r"no column 'nothing'"):
        encode_column(store, "nothing", TinyEncoder())

    class Blind:
        name = "blind"

    with pytest.raises(FieldglassError, match="takes no texts"):
        encode_column(store, "name", Blind())

"""Export and import: the same ids, cells and bits, readable by others, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
import struct
from datetime import UTC, date, datetime

import numpy as np
import pytest

from faults import kit
from fieldglass.errors import CollectionError, DamagedError, FormatError, NotACollectionError
from fieldglass.store import Entry, Field, Store, export, import_
from fieldglass.store.exporting import harmless
from fieldglass.types import Item, Problem

parquet = pytest.importorskip("pyarrow.parquet", reason="needs fieldglass[parquet]")


@pytest.fixture
def store(tmp_path):
    kit.create(tmp_path / "a.collection")
    rng = np.random.default_rng(0)
    with Store.open(tmp_path / "a.collection") as store:
        with store.writer("fill") as writer:
            source = store.snapshot().sources["main"]
            other = writer.add_source("second", tmp_path / "other", "table", {"path": "file"})
            writer.add_field(Field("code", "x", {"a": [1]}, "y", 16, dtype="bits", reduce="none"))
            entries = []
            for row in range(30):
                cells = {
                    "lat": row * 2.0, "lon": -row * 3.0, "day": date(2020, 1, 1 + row), "n": row,
                    "at": datetime(2020, 1, 1, row % 24, tzinfo=UTC), "ok": row % 2 == 0, "thumb": "own", "id": row,
                    "note": "=1+1" if row == 3 else None,
                }  # fmt: skip
                vectors = {
                    "image": rng.normal(size=(1, 8)).astype(np.float32),
                    "caption": rng.normal(size=(2, 8)).astype(np.float32) if row % 3 else None,
                    "code": rng.normal(size=(1, 16)),
                }
                paths = (f"{row}.jpg", f"{row}.xml")[: row % 3]
                item = Item(f"{row}.jpg", paths, {"frame": row} if row % 2 else {}, {}, {"patient": f"p{row % 4}"})
                entries.append(Entry(item, f"s{row}", f"c{row}", cells, f"m{row}", b"webp" * (row % 5), vectors))
            writer.commit(source, entries[:20], [Problem("bad.jpg", "image-truncated", "half", (), "error")])
            later = [Entry(Item(f"second/{e.item.id}"), "", "", {}, "", b"", e.vectors) for e in entries[20:]]
            writer.commit(other, later)
            writer.commit(source, entries[20:])
            writer.put_metadata([("1.jpg", {"label": "good"})])
            writer.delete(["5.jpg", "second/22.jpg"])
        yield store


def everything(store):
    snapshot = store.snapshot()
    live = snapshot.live_positions()
    vectors = {name: snapshot.vectors(name, live).tobytes() for name in snapshot.fields}
    present = {name: snapshot.present(name)[live].tolist() for name in snapshot.fields}
    columns = {each.name: (each.type, each.group, each.annotated) for each in snapshot.columns.values()}
    journal = [(row.subject, row.code, row.message, row.severity) for row in snapshot.journal()]
    thumbs = [snapshot.thumbnail(position) for position in live]
    return (
        snapshot.ids(live), snapshot.stamps(live), snapshot.metadata(live), snapshot.items(live), vectors, present,
        columns, journal, thumbs, snapshot.fields, snapshot.sources,
    )  # fmt: skip


def test_there_and_back(store, tmp_path):
    assert export(store, tmp_path / "out") == 38
    with import_(tmp_path / "out", tmp_path / "b.collection") as back:
        for before, after in zip(everything(store), everything(back), strict=True):
            assert before == after
        assert list(back.verify()) == []
        export(back, tmp_path / "again")
    for file in ("image.npy", "caption.npy", "code.npy", "caption.present.npy"):
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_others_can_read_it(store, tmp_path):
    export(store, tmp_path / "out", spreadsheet=True)
    snapshot = store.snapshot()
    vectors = np.load(tmp_path / "out" / "image.npy")
    assert (vectors == snapshot.vectors("image", snapshot.live_positions())).all()
    table = parquet.read_table(tmp_path / "out" / "items.parquet")
    geo = json.loads(table.schema.metadata[b"geo"])
    assert geo["columns"][geo["primary_column"]]["encoding"] == "WKB"
    row = table.to_pylist()[4]
    assert (row["id"], row["n"], row["thumb_"], row["id_"]) == ("4.jpg", 4, "own", 4)
    assert struct.unpack("<BIdd", row["geometry"]) == (1, 1, -12.0, 8.0)
    with open(tmp_path / "out" / "items.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[3]["note"] == "'=1+1"
    assert rows[3]["lon"] == "-9.0"


def test_an_export_that_cannot_be_written_over(store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("x")
    with pytest.raises(CollectionError, match="not an empty folder"):
        export(store, tmp_path / "out")


@pytest.mark.parametrize("harm", ["image.npy", "items.parquet", "collection.json", "present", "missing", "count"])
def test_a_folder_that_is_not_whole_leaves_no_collection(store, tmp_path, harm):
    out = tmp_path / "out"
    export(store, out)
    if harm == "present":
        np.save(out / "image.present.npy", np.array([object()]), allow_pickle=True)
    elif harm == "missing":
        (out / "code.npy").unlink()
    elif harm == "count":
        manifest = json.loads((out / "collection.json").read_text())
        (out / "collection.json").write_text(json.dumps({**manifest, "items": 37}))
    else:
        (out / harm).write_bytes((out / harm).read_bytes()[:50])
    with pytest.raises(DamagedError, match="out"):
        import_(out, tmp_path / "b.collection")
    assert not (tmp_path / "b.collection").exists()


def test_what_is_no_export(store, tmp_path):
    with pytest.raises(NotACollectionError):
        import_(tmp_path, tmp_path / "b.collection")
    export(store, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "collection.json").read_text())
    (tmp_path / "out" / "collection.json").write_text(json.dumps({**manifest, "format": 9}))
    with pytest.raises(FormatError):
        import_(tmp_path / "out", tmp_path / "b.collection")


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+1", "-1", "\t=1", "\r=1", "\n=1", "＝1+1", "＠SUM"])
def test_no_cell_is_a_formula(text):
    assert harmless(text) == f"'{text}"
    assert [harmless(each) for each in (-1, "a=1", "")] == [-1, "a=1", ""]

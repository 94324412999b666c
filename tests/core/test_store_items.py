"""What goes into a collection comes out again: items, vectors, metadata, groups, previews, problems."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from fieldglass.errors import (
    CollectionError,
    FingerprintError,
    NotACollectionError,
    UnknownNameError,
    UsageError,
)
from fieldglass.store import Committed, Entry, Fault, Field, Known, Store
from fieldglass.types import Item, Problem

IMAGE = Field("image", "tiny", {"seed": 0}, "tiny-0", 16)


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "a.collection", properties={"exclude_group": "patient"}) as store:
        yield store


@pytest.fixture
def writer(store):
    with store.writer("test") as writer:
        writer.add_field(IMAGE)
        yield writer


@pytest.fixture
def source(writer, tmp_path):
    return writer.add_source("main", tmp_path / "pictures", "files", {"depth": 2})


def entry(id, value=1.0, *, metadata=None, groups=None, **more):
    vectors = {"image": np.full((1, 16), value, np.float32)}
    return Entry(Item(id, (id,), groups=groups or {}), "s1", "c1", metadata or {}, "m1", b"webp", vectors, **more)


def test_an_item_comes_back_whole(store, writer, source):
    item = Item("a/ü 1.tif#2", ("a/ü 1.tif", "a/b2.tif"), {"window": [0, 0, 8, 8]}, {}, {"patient": "p7"})
    metadata = {"price": 2.5, "count": 3, "sold": True, "kind": "dress", "day": date(2020, 2, 1)}
    writer.commit(source, [Entry(item, "s", "c", metadata, "m", b"webp!", {"image": np.ones((1, 16), np.float32)})])
    snapshot = store.snapshot()
    assert (snapshot.size, snapshot.count) == (1, 1)
    assert snapshot.ids([0]) == ["a/ü 1.tif#2"]
    ((found_source, found),) = snapshot.items([0])
    assert found_source == source
    assert found.paths == item.paths
    assert found.locator == {"window": [0, 0, 8, 8]}
    assert found.groups == {"patient": "p7"}
    assert found.metadata == {"price": 2.5, "count": 3, "sold": True, "kind": "dress", "day": "2020-02-01"}
    assert [type(found.metadata[name]) for name in ("price", "count", "sold")] == [float, int, bool]
    assert snapshot.metadata([0]) == [{**found.metadata, "patient": "p7"}]
    assert snapshot.thumbnail(0) == b"webp!"
    assert snapshot.properties == {"exclude_group": "patient"}
    assert snapshot.sources["main"].options == {"depth": 2}
    assert snapshot.fields["image"] == IMAGE


def test_upsert_takes_a_new_position_and_the_old_one_is_dead(store, writer, source):
    assert writer.commit(source, [entry("a", 1), entry("b", 2)]) == Committed(2, 0, 0)
    assert writer.commit(source, [entry("a", 3)]) == Committed(0, 1, 0)
    snapshot = store.snapshot()
    assert snapshot.positions(["a", "b", "c"]).tolist() == [2, 1, -1]
    assert snapshot.dead.tolist() == [0]
    assert snapshot.alive.tolist() == [False, True, True]
    assert snapshot.ids([0, 1, 2]) == ["", "b", "a"]
    assert snapshot.vectors("image", [2, 1])[:, 0, 0].tolist() == [3, 2]
    assert snapshot.present("image").tolist() == [False, True, True]
    with pytest.raises(UnknownNameError):
        snapshot.items([0])


def test_of_an_id_twice_in_a_batch_the_last_counts(store, writer, source):
    assert writer.commit(source, [entry("a", 1), entry("a", 2)]).new == 1
    snapshot = store.snapshot()
    assert snapshot.count == 1
    assert snapshot.vectors("image", snapshot.positions(["a"]))[0, 0, 0] == 2


def test_a_snapshot_is_cached_until_something_is_committed(store, writer, source):
    first = store.snapshot()
    assert store.snapshot() is first
    writer.commit(source, [entry("a")])
    second = store.snapshot()
    assert second.version > first.version
    assert second.data_version > first.data_version
    assert (first.count, second.count) == (0, 1)
    writer.set_property("x", "1")
    third = store.snapshot()
    assert third.version > second.version
    assert third.data_version == second.data_version


@pytest.mark.parametrize("dtype", ["f32", "f16", "bits"])
def test_vectors_are_stored_as_asked(store, writer, source, dtype):
    field = Field("other", "tiny", {}, "f", 16, rows=3, dtype=dtype)
    writer.add_field(field)
    rows = np.random.default_rng(0).normal(size=(20, 3, 16)).astype(np.float32)
    entries = [Entry(Item(str(each)), "", vectors={"other": rows[each]}) for each in range(20)]
    writer.commit(source, entries[:10])
    writer.commit(source, entries[10:])
    expected = {"f32": rows, "f16": rows.astype(np.float16), "bits": np.where(rows > 0, 0.25, -0.25)}[dtype]
    snapshot = store.snapshot()
    order = np.array([13, 2, 2, 19, 0])
    assert (snapshot.vectors("other", order) == expected[order].astype(np.float32)).all()
    first, second = snapshot.segments("other")
    assert (first.start, first.stop, second.start, second.stop) == (0, 10, 10, 20)
    assert (second.vectors() == expected[10:].astype(np.float32)).all()
    assert isinstance(second.array, np.memmap)


def test_items_may_lack_a_field(store, writer, source):
    writer.add_field(Field("caption", "tiny", {}, "f", 16))
    without = entry("a")
    both = replace(entry("b"), vectors={"image": np.ones((1, 16)), "caption": np.full((1, 16), 5.0)})
    writer.commit(source, [without, both])
    writer.commit(source, [entry("c")])
    snapshot = store.snapshot()
    assert snapshot.present("caption").tolist() == [False, True, False]
    assert snapshot.vectors("caption", [0, 1, 2])[:, 0, 0].tolist() == [0, 5, 0]
    writer.fill("caption", [(2, np.full((1, 16), 7.0)), (0, np.full((1, 16), 6.0))])
    filled = store.snapshot()
    assert filled.vectors("caption", [0, 1, 2])[:, 0, 0].tolist() == [6, 5, 7]
    assert filled.present("caption").all()
    assert filled.revisions["caption"] == snapshot.revisions["caption"] + 1
    assert snapshot.vectors("caption", [0, 1, 2])[:, 0, 0].tolist() == [0, 5, 0]  # a reader of before
    with pytest.raises(UsageError, match="below 3"):
        writer.fill("caption", [(3, np.zeros((1, 16)))])


def test_scattered_fills_do_not_make_a_file_of_gaps(store, writer, source):
    writer.append_bulk(source, [str(each) for each in range(30_000)], np.zeros((30_000, 16), np.float32), field="image")
    writer.add_field(Field("caption", "tiny", {}, "f", 16))
    writer.fill("caption", [(position, np.ones((1, 16))) for position in (0, 5, 29_999)])
    assert [(each.start, each.stop) for each in store.snapshot().segments("caption")] == [(0, 6), (29_999, 30_000)]
    assert np.flatnonzero(store.snapshot().present("caption")).tolist() == [0, 5, 29_999]


def test_wrong_vectors_are_refused_and_nothing_of_the_batch_stays(store, writer, source, tmp_path):
    bad = [np.full((1, 16), np.nan), np.ones((1, 8)), np.full((1, 16), np.inf), np.ones(16)]
    for vector in bad:
        with pytest.raises(UsageError):
            writer.commit(source, [entry("a"), replace(entry("b"), vectors={"image": vector})])
    with pytest.raises(UnknownNameError):
        writer.commit(source, [replace(entry("b"), vectors={"nothing": np.ones((1, 16))})])
    assert store.snapshot().count == 0
    assert not list((store.path / "segments").iterdir())


@pytest.mark.parametrize("id", ["", "a\0b", "\udcff.jpg"])
def test_ids_that_cannot_be_kept_are_refused(writer, source, id):
    with pytest.raises(UsageError):
        writer.commit(source, [entry(id)])


def test_types_are_decided_at_first_sight(store, writer, source):
    values = [1, 2.5, None, "dear", True, float("nan"), 1 << 70, np.float32(4), np.int64(5)]
    entries = [entry(str(each), metadata={"price": value}) for each, value in enumerate(values)]
    writer.commit(source, entries)
    snapshot = store.snapshot()
    assert snapshot.columns["price"].type == "float"
    assert [each.get("price") for each in snapshot.metadata(range(9))] == [
        1.0,
        2.5,
        None,
        None,
        None,
        None,
        None,
        4.0,
        5.0,
    ]
    warnings = snapshot.journal(severity="warning")
    assert {(row.subject, row.code) for row in warnings} == {(each, "metadata-type") for each in "346"}
    assert "dear" in next(row.message for row in warnings if row.subject == "3")


def test_what_can_be_said_in_the_type_of_its_column_is_kept(store, writer, source):
    first = {"price": 1, "code": "a", "sale": True, "day": date(2021, 1, 2)}
    writer.commit(source, [entry("1", metadata=first)])
    later = {"price": "9.5", "code": 38, "sale": "false", "day": "2022-03-04"}
    writer.commit(source, [entry("2", metadata=later)])
    done = writer.commit(source, [entry("3", metadata={"price": "on request", "code": False, "sale": "2", "day": 5})])
    assert done.emptied == 3
    assert store.snapshot().metadata([1, 2]) == [
        {"price": 9.5, "code": "38", "sale": False, "day": "2022-03-04"},
        {"code": "false"},
    ]
    writer.put_metadata([("3", {"price": "007"})])
    assert "price" not in store.snapshot().metadata([2])[0]  # a leading zero is a code


def test_names_that_sql_cannot_tell_apart(store, writer, source):
    cells = {"Price": 1, "price": 2, "id": "x", "position": 4, 'a "b"': 5, "select": 6, "日": 7}
    writer.commit(source, [entry("one", metadata=cells)])
    snapshot = store.snapshot()
    assert snapshot.metadata([0]) == [cells]
    for name, value in cells.items():
        quoted = snapshot.columns[name].sql.replace('"', '""')
        wanted = f"'{value}'" if isinstance(value, str) else value
        assert snapshot.select(f'"{quoted}" = {wanted}').tolist() == [0], name


def test_dates_are_iso_text(store, writer, source):
    writer.commit(source, [entry("a", metadata={"at": datetime(2020, 5, 1, 12, tzinfo=UTC), "day": date(2021, 1, 2)})])
    assert store.snapshot().metadata([0]) == [{"at": "2020-05-01T12:00:00+00:00", "day": "2021-01-02"}]
    assert store.snapshot().select("day BETWEEN '2021-01-01' AND '2021-12-31'").tolist() == [0]


def test_groups_are_columns(store, writer, source):
    writer.commit(source, [entry(str(each), groups={"patient": f"p{each % 2}"}) for each in range(4)] + [entry("4")])
    snapshot = store.snapshot()
    assert snapshot.columns["patient"].group
    assert snapshot.members("patient", "p1").tolist() == [1, 3]
    assert snapshot.group("patient", [3, 4, 0]) == ["p1", None, "p0"]
    assert snapshot.select("patient = 'p0'").tolist() == [0, 2]


def test_a_column_that_becomes_a_group_is_text(store, writer, source):
    writer.commit(source, [entry("a", metadata={"patient": 12})])
    writer.commit(source, [entry("b", groups={"patient": "12"}), entry("c", metadata={"patient": 12})])
    writer.commit(source, [entry("d", groups={"patient": "012"})])
    snapshot = store.snapshot()
    assert snapshot.members("patient", "12").tolist() == [0, 1, 2]
    assert [item.groups for _, item in snapshot.items([0, 2])] == [{"patient": "12"}] * 2
    assert snapshot.group("patient", [3]) == ["012"]
    assert snapshot.select("patient = '012'").tolist() == [3]


def test_known_tells_items_and_journalled_files(writer, source):
    writer.commit(source, [entry("a")], [Fault(Problem("bad", "image-truncated", "x"), "s9"), Problem("w", "c", "x")])
    assert writer.known(source, ["a", "bad", "none"]) == {"a": Known(0, "s1", "c1", "m1"), "bad": Known(None, "s9")}
    writer.commit(source, (), [Fault(Problem("a", "image-truncated", "now broken"), "s2")])
    assert writer.known(source, ["a"]) == {"a": Known(0, "s2", "c1", "m1")}  # kept, and not read again
    writer.commit(source, [entry("a")])
    assert writer.known(source, ["a"]) == {"a": Known(1, "s1", "c1", "m1")}


def test_the_journal_keeps_the_newest_of_each_kind_and_forgets_what_was_put_right(store, writer, source):
    writer.commit(source, (), [Problem("a", "x", "first"), Problem("b\udcff", "x", "odd name")])
    writer.commit(source, (), [Problem("a", "x", "second"), Problem("a", "y", "other", (), "warning")])
    assert [(row.subject, row.message) for row in store.snapshot().journal()] == [
        ("b\\udcff", "odd name"), ("a", "second"), ("a", "other"),
    ]  # fmt: skip
    info = store.snapshot().info()
    assert (info["problems"], info["warnings"]) == (2, 1)
    writer.commit(source, [entry("a")])
    assert [row.subject for row in store.snapshot().journal()] == ["b\\udcff"]


def test_touched_items_keep_position_and_annotations(store, writer, source):
    writer.commit(source, [entry("a", metadata={"price": 1, "old": "x"})], [Problem("a", "w", "m", (), "warning")])
    assert writer.put_metadata([("a", {"label": "fine"}), ("none", {"label": "lost"})]).changed == 1
    assert writer.commit(source, metadata_only=[("a", {"price": 2}, "m2", "s2")]).changed == 1
    snapshot = store.snapshot()
    assert snapshot.metadata([0]) == [{"price": 2, "label": "fine"}]
    assert snapshot.stamps([0]) == [("a", "s2", "c1", "m2")]
    assert snapshot.journal() == []
    writer.commit(source, [entry("a", metadata={"price": 3})])
    assert store.snapshot().metadata([1]) == [{"price": 3, "label": "fine"}]
    writer.put_metadata([("a", {"label": None})])
    assert store.snapshot().metadata([1]) == [{"price": 3}]


def test_delete_and_prune(store, writer, source):
    writer.commit(source, [entry(each) for each in "abcde"], [Problem("bad", "x", "m"), Problem("worse", "x", "m")])
    assert writer.delete(["a", "nothing"]) == 1
    token = writer.begin_scan()
    writer.seen(token, ["b", "c", "worse"])
    writer.seen(token, ["c", "x\udcff"])
    assert writer.prune(source, token) == 2
    snapshot = store.snapshot()
    assert snapshot.ids(snapshot.live_positions()) == ["b", "c"]
    assert [row.subject for row in snapshot.journal()] == ["worse"]


def test_later_sources_have_a_prefix(store, writer, source, tmp_path):
    second = writer.add_source("two", tmp_path / "other", "files")
    assert (source.collection_id("x.jpg"), second.collection_id("x.jpg")) == ("x.jpg", "two/x.jpg")
    writer.commit(source, [entry("x.jpg")])
    writer.commit(second, [entry("two/x.jpg")])
    assert [(each.name, item.id) for each, item in store.snapshot().items([0, 1])] == [
        ("main", "x.jpg"),
        ("two", "x.jpg"),
    ]
    assert store.snapshot().select("source = 'two'").tolist() == [1]
    done = writer.commit(source, [entry("two/x.jpg", 9)])
    assert done == Committed(0, 0, 1)
    assert store.snapshot().journal()[0].code == "id-taken"
    assert store.snapshot().positions(["two/x.jpg"]).tolist() == [1]


def test_sources_that_cannot_be(writer, source, tmp_path):
    writer.commit(source, [entry("sub/x.jpg")])
    for root in (tmp_path, tmp_path / "pictures" / "sub", tmp_path / "other" / ".." / "pictures"):
        with pytest.raises(UsageError, match="overlaps"):
            writer.add_source("two", root, "files")
    with pytest.raises(UsageError, match="relocate"):
        writer.add_source("main", tmp_path / "elsewhere", "files")
    with pytest.raises(UsageError, match="folder that already has items"):
        writer.add_source("sub", tmp_path / "elsewhere", "files")
    for name in ("", "a/b", "a\nb"):
        with pytest.raises(UsageError):
            writer.add_source(name, tmp_path / "elsewhere", "files")
    assert writer.add_source("main", tmp_path / "pictures", "files", {"depth": 3}).options == {"depth": 3}


def test_relocate(store, writer, source, tmp_path):
    (tmp_path / "moved").mkdir()
    writer.relocate("main", tmp_path / "moved")
    assert store.snapshot().sources["main"].root == tmp_path / "moved"
    with pytest.raises(UnknownNameError, match="main"):
        writer.relocate("man", tmp_path / "moved")
    with pytest.raises(UsageError, match="does not exist"):
        writer.relocate("main", tmp_path / "nowhere")


def test_fields_that_cannot_be(writer):
    writer.add_field(IMAGE)
    with pytest.raises(FingerprintError, match="fieldglass index"):
        writer.add_field(replace(IMAGE, fingerprint="tiny-1"))
    for field in (
        replace(IMAGE, name="../x"), replace(IMAGE, name="a", dtype="f64"), replace(IMAGE, name="a", dim=0),
        replace(IMAGE, name="a", dim=12, dtype="bits"),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            writer.add_field(field)


def test_what_is_no_collection(tmp_path):
    with pytest.raises(NotACollectionError, match="fieldglass index"):
        Store.open(tmp_path / "nothing")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(CollectionError, match="already exists"):
        Store.create(tmp_path / "full")
    (tmp_path / "empty").mkdir()
    Store.create(tmp_path / "empty").close()
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_closing_leaves_no_log_behind(tmp_path):
    with Store.create(tmp_path / "a") as store:
        with store.writer("x") as writer:
            writer.add_source("main", tmp_path / "pictures", "files")
        log = store.path / "catalogue.sqlite-wal"
        assert not log.exists() or log.stat().st_size == 0
    assert not list((tmp_path / "a" / "leases").iterdir())


def test_bulk(store, writer, source):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, 16)).astype(np.float32)
    ids = [f"{each}.jpg" for each in range(1000)]
    prices = rng.random(1000)
    shelves = [str(each % 7) for each in range(1000)]
    blocks = (rows[start : start + 130] for start in range(0, 1000, 130))
    assert writer.append_bulk(source, ids, blocks, {"price": prices}, groups={"shelf": shelves}, block=300).new == 1000
    snapshot = store.snapshot()
    assert (snapshot.vectors("image", np.arange(1000))[:, 0] == rows).all()
    assert snapshot.select("price < 0.5").tolist() == np.flatnonzero(prices < 0.5).tolist()
    assert snapshot.members("shelf", "3").tolist() == list(range(3, 1000, 7))
    assert writer.append_bulk(source, ids[:3], rows[3:6]) == Committed(0, 3, 0)
    with pytest.raises(UsageError, match="more vectors"):
        writer.append_bulk(source, ["x"], rows[:2])
    with pytest.raises(UsageError, match="only 2 vectors"):
        writer.append_bulk(source, ["x", "y", "z"], rows[:2])
    with pytest.raises(UsageError, match="price"):
        writer.append_bulk(source, ["x"], rows[:1], {"price": [1, 2]})

"""Parcels: finished elsewhere, committed by the owner, lost by nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from faults import kit
from fieldglass.errors import DamagedError, FingerprintError, UnknownNameError
from fieldglass.store import Committed, Fault, Store, write_parcel
from fieldglass.types import Problem


@pytest.fixture
def store(tmp_path):
    kit.create(tmp_path / "a.collection")
    with Store.open(tmp_path / "a.collection") as store:
        yield store


def parcel(store, *entries, problems=(), fields=None):
    snapshot = store.snapshot()
    return write_parcel(store.path / "incoming", fields or snapshot.fields, snapshot.sources["main"], entries, problems)


def adopt(store):
    with store.writer("adopt") as writer:
        return writer.adopt_incoming()


def test_a_parcel_is_what_a_commit_would_have_been(store):
    problems = [Fault(Problem("bad.jpg", "image-truncated", "x"), "s1")]
    parcel(store, kit.entry("a", 1, True), kit.entry("b", 2, False), problems=problems)
    assert store.snapshot().count == 0
    assert adopt(store) == Committed(2, 0, 1)
    assert kit.read(store) == {"a": (1, True), "b": (2, False)}
    assert [row.stamp for row in store.snapshot().journal()] == ["s1"]
    assert not list((store.path / "incoming").iterdir())
    assert adopt(store) == Committed()


def test_typed_cells_travel(store):
    cells = {"price": 1.5, "day": date(2020, 1, 2), "at": datetime(2020, 1, 2, 3, tzinfo=UTC), "sold": True, "n": None}
    parcel(store, replace(kit.entry("a", 1, True), metadata=cells))
    adopt(store)
    columns = {name: column.type for name, column in store.snapshot().columns.items() if name != "product"}
    assert columns == {"price": "float", "day": "date", "at": "date", "sold": "bool"}


def test_a_parcel_that_was_committed_but_not_removed_is_not_taken_twice(store, monkeypatch):
    path = parcel(store, kit.entry("a", 1, True))
    with monkeypatch.context() as patch:
        patch.setattr("fieldglass.store.writer.shutil.rmtree", lambda *args, **more: None)
        adopt(store)
    assert path.exists()
    with store.writer("newer") as writer:
        writer.commit(store.snapshot().sources["main"], [kit.entry("a", 2, True)])
    assert adopt(store) == Committed()
    assert kit.read(store) == {"a": (2, True)}
    assert not path.exists()


@pytest.mark.parametrize("name", ["0.image.npy", "0.thumbs", "rows.jsonl", "manifest.json"])
def test_a_damaged_parcel_is_told_and_the_others_are_taken(store, name):
    broken = parcel(store, kit.entry("a", 1, True))
    for each in "bcd":
        parcel(store, kit.entry(each, 1, True))
    content = bytearray((broken / name).read_bytes())
    content[10] ^= 0xFF
    (broken / name).write_bytes(content)
    with pytest.raises(DamagedError, match=broken.name):
        adopt(store)
    assert set(kit.read(store)) == {"b", "c", "d"}
    assert broken.exists()


def test_a_parcel_of_another_encoder_or_source(store):
    fields = {**store.snapshot().fields, "image": replace(kit.IMAGE, fingerprint="other")}
    wrong = parcel(store, kit.entry("a", 1, True), fields=fields)
    with pytest.raises(FingerprintError, match="image"):
        adopt(store)
    assert wrong.exists()
    snapshot = store.snapshot()
    source = replace(snapshot.sources["main"], name="unknown")
    other = write_parcel(store.path / "incoming", snapshot.fields, source, [kit.entry("a", 1, True)])
    with store.writer("adopt") as writer, pytest.raises((UnknownNameError, FingerprintError)):
        writer.adopt_incoming()
    assert other.exists()


def test_a_folder_without_hard_links(store, monkeypatch):
    def refuse(*args):
        raise OSError("no links here")

    parcel(store, kit.entry("a", 1, True))
    monkeypatch.setattr("os.link", refuse)
    adopt(store)
    assert kit.read(store) == {"a": (1, True)}
    assert list(store.verify()) == []


def test_an_unfinished_parcel_is_left_alone(store):
    (store.path / "incoming" / ".abc").mkdir()
    assert adopt(store) == Committed()
    assert (store.path / "incoming" / ".abc").exists()

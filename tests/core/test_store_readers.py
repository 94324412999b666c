"""Readers while a writer works: each sees one version whole, keeps its files, and removes nothing."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest

from faults import child, kit
from fieldglass.store import Store

FIRST = ("commit", [(f"{each:02d}.jpg", 1, True) for each in range(20)])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.collection"
    kit.create(path)
    with Store.open(path) as store, store.writer("begin") as writer:
        kit.perform(store, writer, FIRST)
    return path


def files(path):
    return {each.name for each in (path / "segments").iterdir()}


def test_a_reader_keeps_the_files_of_its_version_until_it_leaves(path):
    model = kit.expect({}, FIRST)
    with Store.open(path) as reader, Store.open(path) as store:
        snapshot = reader.snapshot()
        old = files(path)
        with store.writer("change") as writer:
            kit.perform(store, writer, ("delete", ["03.jpg"]))
            kit.perform(store, writer, ("compact", 0))
            assert old < files(path)
            assert (snapshot.epoch, store.snapshot().epoch) == (0, 1)
            live = snapshot.live_positions()  # opened after the files were retired
            assert (snapshot.vectors("image", live)[:, 0] == [kit.vector(id, 1, kit.IMAGE)[0] for id in model]).all()
        with store.writer("next"):
            assert old < files(path)
        snapshot.close()
        with store.writer("after"):
            assert not old & files(path)
        assert kit.read(reader) == kit.expect(model, ("delete", ["03.jpg"]))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_the_lease_of_a_dead_reader_does_not_count(path):
    (path / "leases" / "1-dead").write_bytes(b"0")
    old = files(path)
    with Store.open(path) as store, store.writer("change") as writer:
        kit.perform(store, writer, ("delete", ["03.jpg"]))
        kit.perform(store, writer, ("compact", 0))
        store.close()
    with Store.open(path) as store, store.writer("after"):
        pass
    assert not old & files(path)
    assert not list((path / "leases").iterdir())


def test_reading_changes_nothing_on_the_disk(path):
    (path / "segments" / "99.image.npy").write_bytes(b"an orphan")
    (path / "derived" / "9.x.tmp").write_bytes(b"another")
    before = {each: each.read_bytes() for each in path.rglob("*") if each.is_file() and "sqlite-" not in each.name}
    with Store.open(path) as store:
        kit.read(store)
        assert list(store.verify()) == []
    after = {each: each.read_bytes() for each in path.rglob("*") if each.is_file() and "sqlite-" not in each.name}
    assert before == after
    with Store.open(path) as store, store.writer("cleaning"):
        pass
    assert not (path / "segments" / "99.image.npy").exists()
    assert not (path / "derived" / "9.x.tmp").exists()


@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_readers_of_a_busy_collection_always_see_one_state(path, tmp_path):
    """Another process commits, deletes, merges and compacts; every look here must find a whole version."""
    spawn = multiprocessing.get_context("forkserver")
    log = tmp_path / "log"
    process = spawn.Process(target=child.work, args=(str(path), str(log), 3, 100_000))
    process.start()
    looks, versions = 0, set()
    try:
        end = time.monotonic() + 30
        with Store.open(path) as kept:
            while (looks <= 20 or len(versions) <= 8) and time.monotonic() < end:
                with Store.open(path) as store:  # opens in the middle of whatever the other does
                    kit.read(store)
                    versions.add(store.snapshot().version)
                kit.read(kept)
                looks += 2
        assert process.is_alive()
    finally:
        process.kill()
        process.join()
    assert looks > 20
    assert len(versions) > 8
    with Store.open(path) as store:
        assert list(store.verify()) == []


def test_a_snapshot_serves_many_threads(path):
    errors = []
    with Store.open(path) as store, store.writer("x") as writer:
        snapshot = store.snapshot()

        def look():
            try:
                for _ in range(20):
                    live = snapshot.live_positions()
                    assert len(snapshot.metadata(live)) == len(snapshot.select("price > 0")) == 20
                    assert np.isfinite(snapshot.vectors("image", live)).all()
                    store.snapshot().journal()
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for each in threads:
            each.start()
        for number in range(10):
            kit.perform(store, writer, ("commit", [("00.jpg", number, True)]))
        for each in threads:
            each.join()
    assert errors == []


def test_many_small_commits_become_few_files(path):
    with Store.open(path) as store:
        with store.writer("drip") as writer:
            for number in range(70):
                kit.perform(store, writer, ("commit", [(f"x{number}", number, True)]))
        assert len(store.snapshot().segments("image")) < 40
        before = store.snapshot().data_version
        with store.writer("merge") as writer:
            writer.merge()
        (only,) = store.snapshot().segments("image")
        assert (only.start, only.stop) == (0, 90)
        assert store.snapshot().data_version == before
        assert len(kit.read(store)) == 90

"""Damage, full and read-only disks, two writers, newer formats: told in words, and nothing lost."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faults import child, kit
from fieldglass.errors import (
    CollectionError,
    DamagedError,
    FieldglassError,
    FormatError,
    LockedError,
    NotACollectionError,
    ReadOnlyError,
)
from fieldglass.store import Store, network

COMMIT = ("commit", [(f"{each:02d}.jpg", 1, True) for each in range(10)])
MODEL = kit.expect({}, COMMIT)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.collection"
    kit.create(path)
    with Store.open(path) as store, store.writer("begin") as writer:
        kit.perform(store, writer, COMMIT)
        kit.perform(store, writer, ("derived", 1))
    return path


def flip(file: Path, place: int = -5) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


# Two writers


def test_the_second_writer_is_told_who_holds_it(path):
    with Store.open(path) as first, Store.open(path) as second, first.writer("index /photos"):
        with pytest.raises(LockedError) as caught, second.writer("other"):
            pass
        message = str(caught.value)
        for part in (f"process {os.getpid()}", socket.gethostname(), "since 20", "index /photos"):
            assert part in message
    with Store.open(path) as second, second.writer("after"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_the_lock_of_a_dead_process_is_free(path, tmp_path):
    spawn = multiprocessing.get_context("forkserver")
    log = tmp_path / "log"
    process = spawn.Process(target=child.work, args=(str(path), str(log), 1, 100_000))
    process.start()
    while not log.exists() or b"done 3" not in log.read_bytes():
        assert process.is_alive()
    with Store.open(path) as store, pytest.raises(LockedError, match=f"process {process.pid} .*kill test"):
        store.writer("mine").__enter__()
    process.kill()
    process.join()
    with Store.open(path) as store, store.writer("mine"):
        kit.read(store)


# Damage


@pytest.mark.parametrize("name", ["1.image.npy", "1.caption.npy", "1.thumbs"])
@pytest.mark.parametrize("place", [3, 70, -1])
def test_a_damaged_segment_is_named_and_not_served(path, name, place):
    flip(path / "segments" / name, place)
    with Store.open(path) as store:
        (finding,) = store.verify()
        assert finding.file == f"segments/{name}"
        assert "checksum" in finding.what
        with pytest.raises(DamagedError, match=name):
            kit.read(store)


@pytest.mark.parametrize("how", ["short", "long", "gone"])
def test_a_segment_of_another_size(path, how):
    file = path / "segments" / "1.image.npy"
    if how == "gone":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-1] if how == "short" else content + b"x")
    with Store.open(path) as store:
        (finding,) = store.verify()
        assert ("missing" if how == "gone" else "bytes") in finding.what
        with pytest.raises(DamagedError):
            store.snapshot().vectors("image", [0])


@pytest.mark.parametrize("wanted", [("merge", 0), ("compact", 0), ("fill", ["77.jpg"])])
def test_damage_gets_no_new_checksum(path, monkeypatch, wanted):
    """Also not in files that are too large to be checked whole when they are opened."""
    monkeypatch.setattr("fieldglass.store.durable.WHOLE_CHECK", 0)
    with Store.open(path) as store, store.writer("rewrite") as writer:
        kit.perform(store, writer, ("commit", [("00.jpg", 2, True), ("77.jpg", 1, False), ("78.jpg", 1, True)]))
        for each in (path / "segments").glob("*.caption.npy"):
            flip(each)
        with pytest.raises(DamagedError, match="caption"):
            kit.perform(store, writer, wanted)
        assert {finding.file for finding in store.verify()} == {"segments/1.caption.npy", "segments/3.caption.npy"}


def test_repair_lets_the_items_be_read_again(path):
    flip(path / "segments" / "1.image.npy")
    with Store.open(path) as store:
        with store.writer("repair") as writer:
            assert writer.repair() == 10
            assert writer.repair() == 0
            source = store.snapshot().sources["main"]
            assert writer.known(source, ["00.jpg"])["00.jpg"].stamp == ""
        assert list(store.verify()) == []
        assert not store.snapshot().present("image").any()
        with store.writer("again") as writer:
            kit.perform(store, writer, COMMIT)
    kit.check(path, [MODEL])


def test_a_damaged_derived_file_is_not_found(path):
    flip(path / "derived" / os.listdir(path / "derived")[0])
    with Store.open(path) as store:
        assert store.snapshot().derived("index") is None
        (finding,) = store.verify()
        assert finding.file.startswith("derived/")
        with store.writer("again") as writer:
            kit.perform(store, writer, ("derived", 2))
        assert store.snapshot().derived("index")[1] == {"number": 2}


def test_a_damaged_catalogue(path):
    (path / "catalogue.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(DamagedError, match="cannot be read"):
        Store.open(path)


def test_a_catalogue_with_flipped_bytes_is_refused_or_read_but_never_breaks(path, tmp_path):
    content = (path / "catalogue.sqlite").read_bytes()
    chosen = random.Random(0)
    refused = 0
    for _ in range(60):
        broken = bytearray(content)
        for _ in range(chosen.choice([1, 20, 200])):
            broken[chosen.randrange(len(broken))] ^= 1 << chosen.randrange(8)
        (path / "catalogue.sqlite").write_bytes(broken[: chosen.choice([len(broken), len(broken) // 2])])
        try:
            with Store.open(path) as store:
                snapshot = store.snapshot()
                list(store.verify())
                live = snapshot.live_positions()
                snapshot.ids(live), snapshot.metadata(live), snapshot.journal(), snapshot.info()
                snapshot.vectors("image", live)
        except FieldglassError:
            refused += 1
    assert refused > 10


def test_another_database(path):
    (path / "catalogue.sqlite").unlink()
    connection = sqlite3.connect(path / "catalogue.sqlite")
    connection.execute("CREATE TABLE x (y)")
    connection.close()
    with pytest.raises(NotACollectionError, match="not that of a collection"):
        Store.open(path)


def test_a_newer_format(path):
    connection = sqlite3.connect(path / "catalogue.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FormatError, match=r"format 99.*pip install --upgrade"):
        Store.open(path)


def test_rows_that_do_not_fit_are_found(path):
    connection = sqlite3.connect(path / "catalogue.sqlite")
    connection.execute("INSERT INTO dead VALUES (3)")
    connection.commit()
    connection.close()
    with Store.open(path) as store:
        (finding,) = store.verify()
    assert finding.file == "catalogue.sqlite"


# Full disks


class FullDisk:
    """Lets so many bytes through `write`, then says ENOSPC, like a quota."""

    def __init__(self, monkeypatch, room):
        self.room = room
        real = open

        def opened(file, mode="r", *args, **kwargs):
            handle = real(file, mode, *args, **kwargs)
            return _Limited(handle, self) if mode == "wb" else handle

        monkeypatch.setattr("fieldglass.store.durable.open", opened, raising=False)


class _Limited:
    def __init__(self, handle, disk):
        self._handle, self._disk = handle, disk

    def write(self, data):
        self._disk.room -= len(data)
        if self._disk.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._handle.write(data)

    def __getattr__(self, name):
        return getattr(self._handle, name)


@pytest.mark.parametrize("wanted", [COMMIT, ("merge", 0), ("compact", 0), ("fill", ["00.jpg"]), ("derived", 2)])
@pytest.mark.parametrize("room", [0, 200, 700])
def test_a_full_disk_loses_nothing(path, monkeypatch, wanted, room):
    more = ("commit", [("77.jpg", 2, False), ("00.jpg", 3, False)])
    with Store.open(path) as store:
        with store.writer("more") as writer:
            kit.perform(store, writer, more)
        before = kit.expect(MODEL, more)
        with store.writer("full") as writer, monkeypatch.context() as patch:
            FullDisk(patch, room)
            try:
                kit.perform(store, writer, wanted)
            except CollectionError as error:
                assert "full" in str(error)
                after = before
            else:
                after = kit.expect(before, wanted)
            assert kit.read(store) == after
            patch.undo()
            kit.perform(store, writer, wanted)  # the same writer goes on once there is room
            after = kit.expect(before, wanted)
    kit.check(path, [after])


_FULL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from faults import kit
from fieldglass.errors import CollectionError
from fieldglass.store import Store
path = Path(sys.argv[2]) / "a.collection"
kit.create(path)
model, number = {}, 0
with Store.open(path) as store, store.writer("fill the disk") as writer:
    while True:
        wanted = ("commit", [(f"{number}-{each}.jpg", number, True) for each in range(50)])
        try:
            kit.perform(store, writer, wanted)
        except CollectionError as error:
            assert "is full" in str(error), error
            break
        model = kit.expect(model, wanted)
        number += 1
    assert number > 3
    assert kit.read(store) == model
(Path(sys.argv[2]) / "ballast").unlink()
kit.check(path, [model])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs a mount of its own")
def test_a_disk_that_is_really_full(tmp_path):
    script = tmp_path / "full.py"
    script.write_text(_FULL)
    place = tmp_path / "small"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=3m none {place} && head -c 1500000 /dev/zero > {place}/ballast"
    command = f"{mount} && {sys.executable} {script} {Path(__file__).parent} {place}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr}")
    assert done.returncode == 0, done.stderr


# Read-only media


_READ_ONLY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from faults import kit
from fieldglass.errors import ReadOnlyError
from fieldglass.store import Store
before = sorted(Path(sys.argv[2]).rglob("*"))
with Store.open(sys.argv[2]) as store:
    assert store.read_only
    print(sorted(kit.read(store)))
    assert list(store.verify()) == []
    try:
        store.writer("x").__enter__()
    except ReadOnlyError as error:
        assert "Copy it" in str(error)
    else:
        raise SystemExit("it was written")
assert sorted(Path(sys.argv[2]).rglob("*")) == before
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs a mount of its own")
@pytest.mark.parametrize("log", [False, True])
def test_read_only_media(path, tmp_path, log):
    """A bind mount, read-only; once as it was closed, once with a write-ahead log of a writer that was killed."""
    if log:
        with Store.open(path) as store, store.writer("killed") as writer:
            kit.perform(store, writer, ("commit", [("88.jpg", 1, False)]))
            shutil.copytree(path, tmp_path / "b.collection", ignore=shutil.ignore_patterns("*-shm"))
        path = tmp_path / "b.collection"
        assert (path / "catalogue.sqlite-wal").stat().st_size > 0
    script = tmp_path / "read.py"
    script.write_text(_READ_ONLY)
    mount = f"mount --bind {path} {path} && mount -o remount,ro,bind {path}"
    command = f"{mount} && {sys.executable} {script} {Path(__file__).parent} {path}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert ("88.jpg" in done.stdout) == log


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write(path):
    for each in [path, *path.rglob("*")]:
        each.chmod(0o555 if each.is_dir() else 0o444)
    try:
        with Store.open(path) as store:
            assert kit.read(store) == MODEL
            with pytest.raises(ReadOnlyError):
                store.writer("x").__enter__()
    finally:
        for each in [path, *path.rglob("*")]:
            each.chmod(0o755)


def test_network_file_systems_are_read_when_closed_and_never_written(path, tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {path} nfs4 rw 0 0\n")
    monkeypatch.setattr(network, "_MOUNTS", mounts)
    with Store.open(path) as store:
        assert kit.read(store) == MODEL
        with pytest.raises(ReadOnlyError):
            store.writer("x").__enter__()
    (path / "catalogue.sqlite-wal").write_bytes(b"something")
    with pytest.raises(CollectionError, match=r"network file system \(nfs4\)"):
        Store.open(path)


def test_vectors_of_a_merged_collection_are_those_of_before(path):
    with Store.open(path) as store:
        before = store.snapshot().vectors("image", np.arange(10))
        with store.writer("more") as writer:
            kit.perform(store, writer, ("commit", [("99.jpg", 4, False)]))
            writer.merge()
        assert len(store.snapshot().segments("image")) == 1
        assert (store.snapshot().vectors("image", np.arange(10)) == before).all()

"""kill -9 at random moments of a real ingest: always whole, acknowledged rows present, and the next run goes on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bad_images
from fieldglass.ingest import ingest
from fieldglass.store import Store
from tiny import TinyEncoder

SCRIPT = Path(__file__).with_name("killed_ingest.py")
COUNT = 150


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        data = bad_images.encoded(bad_images.picture(160, 120, number), "JPEG", comment=f"{number}".encode())
        (folder / f"p{number:03}.jpg").write_bytes(data)
    (folder / "bad.jpg").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def wanted(photos, tmp_path_factory):
    """What one undisturbed ingest gives."""
    with Store.create(tmp_path_factory.mktemp("whole") / "x.collection") as store:
        ingest(store, photos, encoder=TinyEncoder())
        return contents(store)


def contents(store: Store) -> dict[str, np.ndarray]:
    snapshot = store.snapshot()
    positions = snapshot.live_positions()
    vectors = snapshot.vectors("image", positions) if "image" in snapshot.fields else []
    return dict(zip(snapshot.ids(positions), vectors, strict=True))


def run_and_kill(collection: Path, photos: Path, after: float) -> int:
    """The rows that it said were on the disk, all of this run, before it was killed."""
    child = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(collection), str(photos)],
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    first = child.stdout.readline()  # it has begun: imports are behind it
    time.sleep(after)
    child.kill()
    lines = [first, *child.communicate()[0].splitlines(keepends=True)]
    said = [line.strip() for line in lines if line.endswith(b"\n") and line.strip().isdigit()]
    return int(said[-1]) if said else 0


def check(collection: Path, photos: Path, wanted: dict[str, np.ndarray], runs: int, seed: int) -> None:
    moments = random.Random(seed)
    for _ in range(runs):
        before = 0
        if collection.exists():
            with Store.open(collection) as store:
                before = len(contents(store))
            if before == COUNT:
                with Store.open(collection) as store, store.writer("test") as writer:
                    writer.delete(list(wanted)[:100])
                before -= 100
        acknowledged = run_and_kill(collection, photos, moments.uniform(0.0, 0.6))
        if not collection.exists():
            assert acknowledged == 0
            continue
        with Store.open(collection) as store:
            found = contents(store)
            assert len(found) >= before + acknowledged
            assert all(np.array_equal(vector, wanted[id]) for id, vector in found.items())
            assert list(store.verify()) == []
    store = Store.open(collection) if collection.exists() else Store.create(collection)
    with store:
        report = ingest(store, photos, encoder=TinyEncoder())
        assert report.problems == 1
        found = contents(store)
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[id], wanted[id]) for id in wanted)
        assert ingest(store, photos, encoder=TinyEncoder()).unchanged == COUNT
        assert list(store.verify()) == []


def test_five_kills(tmp_path, photos, wanted):
    check(tmp_path / "x.collection", photos, wanted, 5, seed=1)


@pytest.mark.slow
def test_fifty_kills(tmp_path, photos, wanted):
    check(tmp_path / "x.collection", photos, wanted, 50, seed=2)

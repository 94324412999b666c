"""kill -9 at every durable call and at random moments: what was acknowledged is there, and nothing is half."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import time

import pytest

from faults import child, kit
from fieldglass.store import Store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
spawn = multiprocessing.get_context("forkserver") if os.name != "nt" else None
if spawn is not None:
    spawn.set_forkserver_preload(["fieldglass.store", "faults.child"])


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A collection with several segments, dead rows and items that lack a field."""
    path = tmp_path_factory.mktemp("begun") / "a.collection"
    kit.create(path)
    model: kit.Model = {}
    with Store.open(path) as store, store.writer("begin") as writer:
        for number in range(4):
            wanted = ("commit", [(f"{10 * number + each:02d}.jpg", number, each % 2 == 0) for each in range(12)])
            kit.perform(store, writer, wanted)
            model = kit.expect(model, wanted)
        kit.perform(store, writer, ("delete", ["03.jpg", "25.jpg"]))
        model = kit.expect(model, ("delete", ["03.jpg", "25.jpg"]))
    return path, model


OPERATIONS = {
    "commit": ("commit", [("01.jpg", 50, True), ("77.jpg", 50, False)]),
    "merge": ("merge", 0),
    "compact": ("compact", 0),
    "derived": ("derived", 7),
    "fill": ("fill", ["11.jpg", "34.jpg"]),
    "parcel": ("parcel", [("02.jpg", 51, True), ("78.jpg", 51, False)]),
}


def killed_at(begun, tmp_path, wanted, kill_at) -> bool:
    """Run one operation killed at a call; False where it ended before."""
    path, before = begun
    copy, log = tmp_path / f"{kill_at}.collection", tmp_path / f"{kill_at}.log"
    shutil.copytree(path, copy)
    process = spawn.Process(target=child.one, args=(str(copy), str(log), wanted, kill_at))
    process.start()
    process.join()
    after = kit.expect(before, wanted)
    done = log.exists()
    assert done == (process.exitcode == 0)
    kit.check(copy, [after] if done else [before, after])
    shutil.rmtree(copy)
    return not done


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_a_few_calls(begun, tmp_path, name):
    for kill_at in (2, 5):
        killed_at(begun, tmp_path, OPERATIONS[name], kill_at)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_call(begun, tmp_path, name):
    kill_at = 1
    while killed_at(begun, tmp_path, OPERATIONS[name], kill_at):
        kill_at += 1
    assert kill_at > 4


def killed_at_random(path, log, seed) -> None:
    """Work until the process is killed at some moment, then compare with what it had acknowledged."""
    with Store.open(path) as store:
        models = [kit.read(store)]
    process = spawn.Process(target=child.work, args=(str(path), str(log), seed, 10_000))
    process.start()
    while not log.exists():
        time.sleep(0.002)
    time.sleep(random.Random(seed).uniform(0, 0.4))
    process.kill()
    process.join()
    done = sum(line.startswith(b"done") for line in log.read_bytes().splitlines())
    chosen = random.Random(seed)
    for number in range(done + 1):
        models.append(kit.expect(models[-1], kit.operation(chosen, models[-1], number)))
    kit.check(path, models[done : done + 2])


def random_kills(tmp_path, runs) -> None:
    path = tmp_path / "a.collection"
    kit.create(path)
    for seed in range(runs):
        killed_at_random(path, tmp_path / f"{seed}.log", seed)


def test_killed_at_random_moments(tmp_path):
    random_kills(tmp_path, 4)


@pytest.mark.slow
def test_killed_at_fifty_random_moments(tmp_path):
    random_kills(tmp_path, 50)

"""What the processes that are killed do. Each step is written to a log: "begin n" before, "done n" after."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

from faults import kit
from fieldglass.store import Store


def work(path: str, log: str, seed: int, steps: int, kill_at: int = 0) -> None:
    """Do `steps` foreseeable operations; at the `kill_at`th durable call (fsync, replace, link) kill -9."""
    if kill_at:
        _mine(kill_at)
    chosen = random.Random(seed)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Store.open(Path(path)) as store, store.writer("kill test") as writer:
        model = kit.read(store)
        for number in range(steps):
            wanted = kit.operation(chosen, model, number)
            os.write(handle, f"begin {number}\n".encode())
            kit.perform(store, writer, wanted)
            os.write(handle, f"done {number}\n".encode())
            model = kit.expect(model, wanted)


def one(path: str, log: str, wanted: tuple, kill_at: int) -> None:
    """One operation, killed at a call."""
    with Store.open(Path(path)) as store, store.writer("kill test") as writer:
        _mine(kill_at)
        kit.perform(store, writer, wanted)
    Path(log).write_text("done")


def _mine(kill_at: int) -> None:
    """Kill this process before its nth durable call if n is odd, else after it."""
    calls = 0

    def wrapped(call):
        def counted(*args, **kwargs):
            nonlocal calls
            calls += 2
            if calls - 1 == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = call(*args, **kwargs)
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return counted

    os.fsync, os.replace, os.link = wrapped(os.fsync), wrapped(os.replace), wrapped(os.link)

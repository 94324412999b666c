"""What decoding, preparing and encoding cost within an ingest: CPU seconds of the threads that do them.

A step costs more beside another one than alone (memory and caches are shared), and the clock of a shared machine
drifts within minutes: a bound from steps that were timed before the run is not the bound of that run.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fieldglass.ingest.run as runs
from fieldglass.ingest import ingest
from fieldglass.ingest.progress import Report
from fieldglass.parallel import cores
from fieldglass.store import Store
from fieldglass.types import Item

__all__ = ["Metered", "metered"]


class Metered:
    """A report, and the CPU seconds per item of each step of that run."""

    def __init__(self, report: Report, spent: Counter[str]) -> None:
        self.report = report
        self.rate = report.new / report.seconds
        self.decode, self.prepare, self.encode = (spent[step] / report.new for step in ("decode", "prepare", "encode"))

    @property
    def bound(self) -> float:
        """Items per second if the cores did nothing but the three steps."""
        return cores() / (self.decode + self.prepare + self.encode)

    @property
    def share(self) -> float:
        """The rate as a share of the bound."""
        return self.rate / self.bound

    def __str__(self) -> str:
        steps = ", ".join(f"{step} {1e3 * getattr(self, step):.1f}" for step in ("decode", "prepare", "encode"))
        return f"{self.rate:.1f} of {self.bound:.1f} items/s; CPU ms in the run: {steps}"


def metered(store: Store, source: Path, *, encoder: Any, **how: Any) -> Metered:
    """`ingest`, with its steps metered."""
    meter = _Meter()
    make = runs.make_loader
    runs.make_loader = lambda *given: _Loader(make(*given), meter)  # type: ignore[assignment, return-value]
    try:
        report = ingest(store, source, encoder=_Encoder(encoder, meter), **how)
    finally:
        runs.make_loader = make
    return Metered(report, meter.spent)


class _Meter:
    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, step: str, call: Any, *given: Any) -> Any:
        started = time.thread_time()
        try:
            return call(*given)
        finally:
            with self._lock:
                self.spent[step] += time.thread_time() - started  # type: ignore[assignment]


class _Proxy:
    def __init__(self, inner: Any, meter: _Meter) -> None:
        self._inner, self._meter = inner, meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Encoder(_Proxy):
    def prepare(self, sample: Any) -> Any:
        return self._meter("prepare", self._inner.prepare, sample)

    def images(self, batch: Sequence[Any]) -> Any:
        return self._meter("encode", self._inner.images, batch)


class _Loader(_Proxy):
    def read(self, items: Sequence[Item], root: Path) -> Iterator[Any]:
        answers = iter(self._inner.read(items, root))
        while (answer := self._meter("decode", next, answers, None)) is not None:
            yield answer

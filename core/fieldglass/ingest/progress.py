"""What an ingest says while it runs, and at its end."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

__all__ = ["Progress", "Rate", "Report"]


@dataclass(frozen=True)
class Progress:
    """The state of a running ingest.

    `done` items are finished of `total` (None while the source is still being scanned); `committed`
    of the new and changed ones are on disk for good. `rate` is items encoded per second of late,
    `eta_s` the seconds left (None while that is not known).
    """

    done: int
    total: int | None
    new: int
    changed: int
    unchanged: int
    problems: int
    committed: int
    rate: float
    eta_s: float | None
    seconds: float


@dataclass(frozen=True)
class Report:
    """How an ingest ended. `problems` counts the bad items of this source, known ones too."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    problems: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Items looked at per second."""
        return (self.new + self.changed + self.unchanged + self.problems) / max(self.seconds, 1e-9)


class Rate:
    """Items per second over the last half minute."""

    def __init__(self, window_s: float = 30.0) -> None:
        self._window = window_s
        self._marks: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._count = 0

    def add(self, count: int) -> None:
        """`count` more items are done."""
        now = time.monotonic()
        self._count += count
        self._marks.append((now, self._count))
        while len(self._marks) > 2 and self._marks[0][0] < now - self._window:
            self._marks.popleft()

    def value(self) -> float:
        """Items per second, 0.0 before the first."""
        since, before = self._marks[0]
        elapsed = time.monotonic() - since
        return (self._count - before) / elapsed if elapsed > 0 else 0.0

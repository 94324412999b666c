"""How far indexing is: a bar for a terminal, silence for a pipe, and one line at the end."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from fieldglass.ingest import Progress, Report

__all__ = ["Meter"]


class Meter:
    """Adds up the reports of several sources and shows their progress.

    The first Ctrl-C sets `stop`, which ends indexing after the batch at hand; the second one interrupts.
    """

    def __init__(self, sources: int) -> None:
        self.stop = threading.Event()
        self.new = self.changed = self.unchanged = self.gone = self.problems = 0
        self.seconds = 0.0
        self._sources = sources
        self._done = 0
        self._bar: Any = None
        self._task: Any = None
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        if sys.stderr.isatty():
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.stop.is_set():
            raise KeyboardInterrupt
        self.stop.set()
        self.say("stopping after this batch (Ctrl-C again to break off)")

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
            TextColumn("[red]{task.fields[problems]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("scanning", total=None, rate="", left="", problems="")
        self._bar.start()

    def say(self, what: str) -> None:
        """Name what is being done, on a terminal."""
        if self._bar is not None:
            self._bar.update(self._task, description=what)

    def show(self, what: str, done: int, total: int | None, rate: str) -> None:
        """How far something other than indexing is, on a terminal."""
        if self._bar is not None:
            what = "stopping" if self.stop.is_set() else what
            self._bar.update(self._task, total=total, completed=done, rate=rate, description=what)

    def update(self, progress: Progress) -> None:
        """Called by `ingest` as it goes."""
        if self._bar is None:
            return
        problems = self.problems + progress.problems
        self._bar.update(
            self._task,
            total=progress.total,
            completed=progress.done,
            rate=f"{progress.rate:.1f}/s",
            left="" if progress.eta_s is None else _clock(progress.eta_s),
            problems=f"{problems} problem{'' if problems == 1 else 's'}" if problems else "",
            description="stopping" if self.stop.is_set() else self._what(),
        )

    def _what(self) -> str:
        return "indexing" if self._sources == 1 else f"indexing {self._done + 1} of {self._sources}"

    def add(self, report: Report) -> None:
        """Add the report of one source, and tell what it notes."""
        for note in report.notes:
            click.echo(f"note: {note}", err=True)
        self._done += 1
        self.new += report.new
        self.changed += report.changed
        self.unchanged += report.unchanged
        self.gone += report.gone
        self.problems += report.problems
        self.seconds += report.seconds

    def line(self) -> str:
        """The last line of `fieldglass index`; other tools read it."""
        seen = self.new + self.changed + self.unchanged + self.problems
        rate = seen / self.seconds if self.seconds > 0 else 0.0
        return (
            f"indexed {self.new} new, {self.changed} changed, {self.unchanged} unchanged, {self.gone} gone, "
            f"{self.problems} problems in {self.seconds:.1f} s ({rate:.1f}/s)"
        )


def _clock(seconds: float) -> str:
    """3725.0 -> "1:02:05 left"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"

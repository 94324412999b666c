"""Indexing one source: scan, compare, read and encode in threads, commit in order.

The calling thread scans and owns the catalogue; worker threads take a batch each from file to
vectors, so that decoding and encoding share the cores without waiting for one another. Every queue
is bounded. What was committed is on the disk: after a kill the next run goes on from there.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from fieldglass.errors import FieldglassError, UsageError
from fieldglass.ingest.batch import Done, Failed, Ready, Same, Step, Task, encode_lock, on_gpu
from fieldglass.ingest.compare import Comparison
from fieldglass.ingest.copies import Copies
from fieldglass.ingest.entries import entry_of, fault_of
from fieldglass.ingest.hook_options import keep_options, kept_options
from fieldglass.ingest.making import field_of, make_loader, source_name, source_root
from fieldglass.ingest.progress import Progress, Rate, Report
from fieldglass.ingest.stamps import setting_of
from fieldglass.loaders.paths import base_of
from fieldglass.parallel import cores
from fieldglass.store import Entry, Fault, Source, Store, Writer
from fieldglass.types import Item, Problem

if TYPE_CHECKING:
    import os

    from fieldglass.interfaces import Encoder, Loader
    from fieldglass.types import F32, Bitmap

__all__ = ["COMMIT_ROWS", "COMMIT_SECONDS", "ingest"]

COMMIT_ROWS = 1024
COMMIT_SECONDS = 10.0
_SCAN = 64  # items compared with the catalogue at a time, at first: nothing is encoded meanwhile
_MOST_SCANNED = 1024
_AHEAD = 20_000  # items the scan may be ahead of the encoder, so that the time left can be told
_FIRST = 4  # items read before the threads start: a broken encoder shows there
_LEAST = 8  # items of a batch near the end
_TICK = 0.1


def ingest(
    store: Store,
    source_path: str | os.PathLike[str],
    *,
    encoder: Encoder,
    name: str | None = None,
    loader: str = "files",
    loader_options: Mapping[str, Any] | None = None,
    encoder_name: str | None = None,
    encoder_options: Mapping[str, Any] | None = None,
    field: str = "image",
    batch: int = 32,
    workers: int | None = None,
    limit: int | None = None,
    prune: bool = False,
    rehash: bool = False,
    metadata_options: Mapping[str, Mapping[str, str]] | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Bring a collection up to date with a folder, file or table. Running it again goes on.

    :param name: of the source; the one it has, or one from its path, if None.
    :param encoder_name: the name and options that make the encoder again are kept with the field.
    :param limit: look at the first so many items only.
    :param prune: remove the items of this source that are not there any more.
    :param rehash: read the content of every file, and try bad ones again.
    :param metadata_options: plugin -> options of its metadata hook, kept with the collection; its items are refreshed
        where they differ from those it had.
    :param stop: once set, what is in work is finished and committed, and the report says `interrupted`.

    UsageError for options that cannot be; LoaderError where the source cannot be opened; LockedError
    where another writer holds the collection. A bad item is a row of the journal, never an exception.
    """
    if batch < 1 or (workers is not None and workers < 1) or (limit is not None and limit < 1):
        raise UsageError(f"batch={batch}, workers={workers} and limit={limit} must be at least 1.")
    if prune and limit is not None:
        raise UsageError("prune with limit would remove what the limit left out.", hint="Use one of them.")
    options = dict(loader_options or {})
    root = source_root(source_path)
    made = make_loader(loader, options, encoder)
    started = time.monotonic()
    if metadata_options:
        keep_options(store, metadata_options)
    with store.writer("index") as writer, ExitStack() as stack:
        kept = made.conceal(root)
        source = writer.add_source(name or _named(kept, store), kept, loader, options)
        for kept_name in ("exclude_group", "notice"):
            if value := getattr(made, kept_name, ""):
                writer.keep_property(kept_name, value)
        writer.add_field(field_of(field, encoder, encoder_name or encoder.name, encoder_options or {}))
        base = base_of(made, root)
        setting = setting_of(loader, options)
        comparison = Comparison(writer, source, base, setting, _lacking(store, field), rehash=rehash)
        copies = stack.enter_context(closing(Copies(store, source)))
        step = Step(
            made,
            loader,
            root,
            base,
            encoder,
            field,
            setting,
            copies=copies,
            encode_lock=encode_lock(encoder),
            hook_options=kept_options(store.snapshot()),
        )
        store.release()
        run = _Run(writer, source, field, comparison, step, batch, progress, stop or threading.Event())
        run.drive(_found(made, loader, root, limit), workers or (cores() + (4 if on_gpu(encoder) else 0)))
        report = run.finish(prune=prune, whole=limit is None)
    if not report.interrupted:
        _derive(store, report)
    return replace(report, seconds=time.monotonic() - started)


def _named(root: Path, store: Store) -> str:
    """The name of a source that was given none. UsageError where it may be an old one that has moved."""
    sources = store.snapshot().sources
    name = source_name(root, sources)
    lost = [each for each in sources.values() if each.root.is_absolute() and not each.root.exists()]
    if name not in sources and lost:
        command = f"fieldglass relocate {quote(str(store.path))} {quote(lost[0].name)} {quote(str(root))}"
        raise UsageError(
            f"{root} is new to the collection, and its source {lost[0].name!r} is no longer at {lost[0].root}.",
            hint=f"If it moved: {command}. If it is another: --name {quote(name)}.",
        )
    return name


def _found(made: Loader, name: str, root: Path, limit: int | None) -> Iterator[Item | Problem]:
    """What a scan finds, up to so many items; an exception of the loader ends it as a problem."""
    left = limit
    try:
        for each in made.scan(root):
            yield each
            if left is not None and isinstance(each, Item):
                left -= 1
                if left == 0:
                    return
    except FieldglassError:
        raise
    except Exception as error:
        said = type(error).__name__ if getattr(made, "private", False) else f"{type(error).__name__}: {error}"
        yield Problem(f"scan of {name}", "loader-error", f"{name!r} ended its scan with {said}.")


class _Run:
    """The state of one ingest, held by the calling thread."""

    def __init__(
        self,
        writer: Writer,
        source: Source,
        field: str,
        comparison: Comparison,
        step: Step,
        batch: int,
        progress: Callable[[Progress], None] | None,
        stop: threading.Event,
    ) -> None:
        self._writer, self._source, self._field = writer, source, field
        self._comparison, self._step = comparison, step
        self._batch, self._progress, self._stop = batch, progress, stop
        self._backlog: deque[Task] = deque()
        self._flying: deque[tuple[Future[Done], int]] = deque()
        self._entries: list[Entry] = []
        self._faults: list[Fault] = []
        self._touched: list[tuple[str, Mapping[str, Any], str, str]] = []
        self._fills: list[tuple[int, F32]] = []
        self._rate = Rate()
        self._started = self._told = self._committed_at = time.monotonic()
        self._scanned = False
        self._interrupted = False
        self._emptied = 0
        self._chunk = _SCAN
        self.new = self.changed = self.unchanged = self.problems = self.committed = 0

    def drive(self, found: Iterator[Item | Problem], workers: int) -> None:
        """Take everything the scan finds to the disk, or until the stop."""
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\.")  # a bad file is journalled, not warned of
            try:
                alone = _one_torch_thread(stack)
                self._first(found)
                if not alone:
                    _one_torch_thread(stack)
                pool = ThreadPoolExecutor(workers, thread_name_prefix="fieldglass-ingest")
                stack.callback(pool.shutdown, cancel_futures=True)
                self._loop(found, pool, workers)
            except KeyboardInterrupt:  # what was being encoded is in no list any more
                self._stop.set()
                self._interrupted = True
            except BaseException:
                self._land(only_done=True)
                self._commit()
                raise
            self._interrupted |= self._stop.is_set() and not (self._scanned and not self._backlog and not self._flying)
            self._land()
            self._commit()
            self._tell(force=True)

    def finish(self, *, prune: bool, whole: bool) -> Report:
        """Remove what is gone, join small segments, and say how it went."""
        gone, notes = 0, []
        if whole and not self._interrupted:
            self._comparison.forget()
        if prune and not self._interrupted:
            gone, note = self._comparison.prune()
            notes += [note] if note else []
        if self._emptied:
            notes.append(f"{self._emptied} cells do not suit the type of their column; they are empty, and journalled.")
        if self.committed or gone:
            self._writer.merge()
        return Report(self.new, self.changed, self.unchanged, gone, self.problems, 0.0, self._interrupted, tuple(notes))

    def _first(self, found: Iterator[Item | Problem]) -> None:
        """Read a few items in this thread: models load once, and an encoder that takes nothing is an error."""
        while not self._backlog and not self._scanned and not self._stop.is_set():
            self._scan(found)
        tasks = [self._backlog.popleft() for _ in range(min(_FIRST, self._batch, len(self._backlog)))]
        if not tasks:
            return
        done = self._step(tasks)
        refused = [each for each in done.items if isinstance(each, Failed) and each.problem.code == "encoder-error"]
        if refused and len(refused) == len(done.items) and len(tasks) > 1:
            raise UsageError(
                f"The encoder refuses every one of the first {len(tasks)} items: {refused[0].problem.message}"
            )
        self._take(done)

    def _loop(self, found: Iterator[Item | Problem], pool: ThreadPoolExecutor, workers: int) -> None:
        window = 2 * workers + 2
        while not self._stop.is_set():
            while self._flying and self._flying[0][0].done():
                self._take(self._flying.popleft()[0].result())
            while self._backlog and len(self._flying) < window and (self._scanned or len(self._backlog) >= self._batch):
                tasks = self._next_batch(workers)
                self._flying.append((pool.submit(self._step, tasks), len(tasks)))
            self._tick()
            if not self._scanned and len(self._backlog) < _AHEAD:
                self._scan(found)
            elif self._flying:
                self._wait()
            elif self._scanned and not self._backlog:
                return

    def _next_batch(self, workers: int) -> list[Task]:
        """A batch; smaller ones at the end, so that all workers end together. The last items of a file stay with it."""
        size = self._batch
        if self._scanned:
            size = min(size, max(_LEAST, -(-len(self._backlog) // workers)))
        tasks = [self._backlog.popleft() for _ in range(min(size, len(self._backlog)))]
        of = tasks[-1].item.paths
        rest = list(islice(takewhile(lambda task: task.item.paths == of, self._backlog), size + 1)) if of else []
        ends = self._scanned or len(rest) < len(self._backlog)  # else the scan is still within the file
        if ends and len(rest) <= size:  # the tiles of a large scene fill many batches, and need no longer ones
            tasks += [self._backlog.popleft() for _ in rest]
        return tasks

    def _wait(self) -> None:
        try:
            self._flying[0][0].exception(timeout=_TICK)
        except TimeoutError:
            return

    def _scan(self, found: Iterator[Item | Problem]) -> None:
        chunk = list(islice(found, self._chunk))
        self._scanned = len(chunk) < self._chunk
        self._chunk = min(2 * self._chunk, _MOST_SCANNED)
        result = self._comparison(chunk)
        self._backlog.extend(result.tasks)
        self._faults.extend(result.faults)
        self.unchanged += result.unchanged
        self.problems += result.problems

    def _take(self, done: Done) -> None:
        for outcome in done.items:
            if isinstance(outcome, Ready) and outcome.task.fill is not None:
                self._fills.append((outcome.task.fill, outcome.vectors[self._field]))
                self.changed += 1
            elif isinstance(outcome, Ready):
                self._entries.append(entry_of(outcome, self._source, hide=self._step.hide))
                self.changed += outcome.task.known
                self.new += not outcome.task.known
            elif isinstance(outcome, Same):
                task = outcome.task
                id = self._source.collection_id(task.item.id)
                cells = {**outcome.metadata, **task.item.groups}
                self._touched.append((id, cells, task.metadata_hash, task.stamp))
                self.changed += task.columns_only
                self.unchanged += not task.columns_only
            else:
                self.problems += 1
                self._faults.append(fault_of(outcome, self._source))
        self._faults.extend(fault_of(each, self._source) for each in done.warnings)
        self._rate.add(len(done.items))

    def _tick(self) -> None:
        waited = time.monotonic() - self._committed_at
        held = len(self._entries) + len(self._faults) + len(self._touched) + len(self._fills)
        if held >= COMMIT_ROWS or (held and waited >= COMMIT_SECONDS):
            self._commit()
        self._tell()

    def _commit(self) -> None:
        for start in range(0, max(len(self._entries), 1), COMMIT_ROWS):
            entries = self._entries[start : start + COMMIT_ROWS]
            faults, touched = (self._faults, self._touched) if start == 0 else ([], [])
            if not (entries or faults or touched):
                continue
            done = self._writer.commit(self._source, entries, faults, touched)
            taken = done.problems - sum(fault.problem.severity == "error" for fault in faults)
            self.new -= taken  # ids that another source already has
            self.problems += taken
            self.committed += len(entries) - taken
            self._emptied += done.emptied
        if self._fills:
            self.committed += self._writer.fill(self._field, self._fills)
        self._entries, self._faults, self._touched, self._fills = [], [], [], []
        self._committed_at = time.monotonic()
        self._tell(force=True)

    def _land(self, *, only_done: bool = False) -> None:
        """Wait for what is in work and take it; what has not begun is dropped."""
        begun = [future for future, _ in reversed(self._flying) if not future.cancel()]
        self._flying.clear()
        for future in reversed(begun):
            if not only_done or (future.done() and future.exception() is None):
                self._take(future.result())

    def _tell(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._progress is None or (now - self._told < _TICK and not force):
            return
        self._told = now
        done = self.new + self.changed + self.unchanged + self.problems
        left = len(self._backlog) + sum(count for _, count in self._flying)
        rate = self._rate.value()
        self._progress(
            Progress(
                done,
                done + left if self._scanned else None,
                self.new,
                self.changed,
                self.unchanged,
                self.problems,
                self.committed,
                rate,
                left / rate if self._scanned and rate else None,
                now - self._started,
            )
        )


def _one_torch_thread(stack: ExitStack) -> bool:
    """Let each worker have one torch thread, where torch is in use at all."""
    if "torch" not in sys.modules:
        return False
    from fieldglass.encoders.device import single_thread

    stack.enter_context(single_thread())
    return True


def _lacking(store: Store, field: str) -> Bitmap:
    """(size,) bool, True at live items without the field."""
    snapshot = store.snapshot()
    return snapshot.alive & ~snapshot.present(field)


def _derive(store: Store, report: Report) -> None:
    from fieldglass.search import build

    if report.new or report.changed or report.gone:
        build(store)

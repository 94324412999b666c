"""What one worker thread does with one batch: read, preview, prepare, encode. Touches no catalogue.

One bad item never costs the others of its batch: where the encoder fails on a batch, its items are
encoded one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.encoders import encode
from fieldglass.errors import FieldglassError, PluginError, UsageError, WeightsMissingError
from fieldglass.ingest.previews import thumbnail
from fieldglass.ingest.stamps import Contents, bad_stamp, stamp_of
from fieldglass.loaders.paths import OutsideError, inside
from fieldglass.registry import registry
from fieldglass.types import Item, Prepared, Problem, Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fieldglass.interfaces import Encoder, Loader

__all__ = [
    "Copy",
    "Done",
    "Failed",
    "Outcome",
    "Ready",
    "Same",
    "Step",
    "Task",
    "encode_lock",
    "hook_columns",
    "on_gpu",
]


@dataclass(frozen=True)
class Task:
    """An item to look into.

    `known` says that the collection has it, `hash` what it knows of its content. With `columns_only` its files
    are known to be the same, and only the loader's metadata is new. `fill` is the position of an item
    that is as it was but lacks the field.
    """

    item: Item
    stamp: str
    metadata_hash: str
    known: bool = False
    hash: str = ""
    columns_only: bool = False
    fill: int | None = None


@dataclass(frozen=True)
class Copy:
    """The vectors and preview of an item of the collection with the same content."""

    vectors: Mapping[str, NDArray[np.float32]]
    thumb: bytes
    measured: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ready:
    """An item with all that is stored of it."""

    task: Task
    content_hash: str
    metadata: Mapping[str, Any]
    thumb: bytes
    vectors: Mapping[str, NDArray[np.float32]]
    measured: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Same:
    """An item that needs no encoding: its files were touched but hold what they held, or its metadata is new."""

    task: Task
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Failed:
    """A bad item. `stamp` "" means that it is tried again at the next run."""

    problem: Problem
    stamp: str


Outcome = Ready | Same | Failed
Pending = tuple[Outcome, Prepared | None]  # with what is still to be encoded


@dataclass
class Done:
    """The outcome of a batch, in order, and warnings on items that were taken."""

    items: list[Outcome] = field(default_factory=list)
    warnings: list[Failed] = field(default_factory=list)


class Step:
    """Turns batches of tasks into what is committed. Safe to call from several threads.

    `copies` looks up an item with the same content hash; `setting` is that of `stamps.setting_of`.
    `hide` is True for a private loader: no path leaves this class. `hook_options` are those that the collection
    keeps for the metadata hooks.
    """

    def __init__(
        self,
        loader: Loader,
        loader_name: str,
        root: Path,
        base: Path,
        encoder: Encoder,
        field_name: str,
        setting: str,
        *,
        copies: Callable[[str], Copy | None] = lambda _: None,
        encode_lock: AbstractContextManager[Any] | None = None,
        hook_options: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._loader, self._loader_name, self._root, self._base = loader, loader_name, root, base
        self._encoder, self._field = encoder, field_name
        self._copies, self._setting = copies, setting
        self._contents = Contents(base)
        self._encode_lock = encode_lock or nullcontext()
        self._hook_options = hook_options or {}
        self.hide = bool(getattr(loader, "private", False))

    def __call__(self, tasks: Sequence[Task]) -> Done:
        """Read and encode a batch."""
        done = Done()
        prepared: list[tuple[int, Prepared]] = []
        seen: dict[str, Pending] = {}
        for _, group in groupby(tasks, key=lambda task: task.item.paths):
            for outcome, ready in self._group(list(group), seen, done.warnings):
                if ready is not None:
                    prepared.append((len(done.items), ready))
                done.items.append(outcome)
        for place, vectors in self._encode(prepared):
            outcome = done.items[place]
            if not isinstance(outcome, Ready):
                continue
            if isinstance(vectors, Exception):
                done.items[place] = self._failed(outcome.task, "encoder-error", self._encoder.name, vectors, stamp="")
            else:
                done.items[place] = replace(outcome, vectors={self._field: vectors})
        return done

    def _group(self, tasks: list[Task], seen: dict[str, Pending], warnings: list[Failed]) -> Iterator[Pending]:
        """The tasks of one file or set of files, so that the loader opens it once."""
        to_read: list[tuple[Task, str]] = []
        for old in tasks:
            if old.columns_only:
                yield Same(old, self._columns(old, warnings)), None
                continue
            try:
                task = replace(old, stamp=stamp_of(old.item, str(self._base)))
                content = self._contents.hash(task.item, task.stamp)
            except (OutsideError, OSError) as error:
                yield self._unreadable(old, error), None
                continue
            if task.hash and content == task.hash:
                yield Same(task, self._columns(task, warnings)), None
                continue
            copy = self._copies(content)
            if copy is not None and self._field in copy.vectors:
                columns = self._columns(task, warnings)
                yield Ready(task, content, columns, copy.thumb, copy.vectors, copy.measured), None
                continue
            to_read.append((task, content))
        yield from self._once(to_read, seen, warnings)

    def _once(
        self, tasks: list[tuple[Task, str]], seen: dict[str, Pending], warnings: list[Failed]
    ) -> Iterator[Pending]:
        """What items of a batch have in common (the variants of a product, their pictures) is read and encoded once."""
        first: dict[str, tuple[Task, str]] = {}
        for task, content in tasks:
            if content not in seen:
                first.setdefault(content, (task, content))
        seen.update(zip(first, self._read(list(first.values()), warnings), strict=True))
        for task, content in tasks:
            outcome, prepared = seen[content]
            if content in first and task is first[content][0]:
                yield outcome, prepared
            elif isinstance(outcome, Ready):
                yield replace(outcome, task=task, metadata=self._columns(task, warnings)), prepared
            else:
                yield from self._read([(task, content)], warnings)

    def _read(self, tasks: list[tuple[Task, str]], warnings: list[Failed]) -> Iterator[Pending]:
        answers = self._answers([task.item for task, _ in tasks])
        read: list[Pending] = []
        for (task, content), answer in zip(tasks, answers, strict=True):
            if isinstance(answer, Problem):
                read.append((self._bad(task, answer), None))
            elif isinstance(answer, Exception):
                read.append((self._failed(task, "loader-error", self._loader_name, answer, stamp=""), None))
            else:
                read.append(self._ready(task, content, answer, warnings))
        for (task, _), (outcome, prepared) in zip(tasks, read, strict=True):
            if self._changed(task):
                yield self._problem(task, "file-changed", "The file changed while it was read; run again."), None
            else:
                yield outcome, prepared

    def _answers(self, items: list[Item]) -> Iterator[Sample | Problem | Exception]:
        """One answer per item, whatever the loader does: too few, too many, or an exception."""
        given = 0
        try:
            for answer in self._loader.read(items, self._root):
                if given == len(items):
                    break
                given += 1
                yield answer
        except Exception as error:
            if given < len(items):
                given += 1
                yield error
                if len(items) - given:
                    yield from self._answers(items[given:])
                return
        for _ in range(len(items) - given):
            yield RuntimeError(f"it gave {given} answers for {len(items)} items")

    def _ready(self, task: Task, content: str, sample: Sample, warnings: list[Failed]) -> Pending:
        try:
            thumb = thumbnail(self._loader.preview(sample)) if sample.kind not in ("text", "place") else b""
        except Exception as error:
            return self._failed(task, "loader-error", self._loader_name, error, stamp=""), None
        try:
            prepared = self._encoder.prepare(sample)
        except (WeightsMissingError, PluginError):
            raise
        except Exception as error:
            failed = self._failed(task, "encoder-error", self._encoder.name, error, stamp="")
            if self.hide and isinstance(error, UsageError):  # its own words may hold what is hidden
                said = f"{failed.problem.message}. {_forms(self._encoder, sample)}"
                failed = replace(failed, problem=replace(failed.problem, message=said))
            return failed, None
        return Ready(task, content, self._columns(task, warnings), thumb, {}, sample.measured), prepared

    def _columns(self, task: Task, warnings: list[Failed]) -> dict[str, Any]:
        columns, broken = hook_columns(task.item, self._base, self._hook_options)
        for plugin, error in broken:
            said = type(error).__name__ if self.hide else f"{type(error).__name__}: {error}"
            problem = Problem(task.item.id, "metadata-error", f"Plugin {plugin!r}: {said}", severity="warning")
            warnings.append(Failed(problem, ""))
        own = dict(task.item.metadata)
        return own | {name: cell for name, cell in columns.items() if name not in own}

    def _changed(self, task: Task) -> bool:
        try:
            return stamp_of(task.item, str(self._base)) != task.stamp
        except OSError:
            return True

    def _encode(self, prepared: list[tuple[int, Prepared]]) -> Iterable[tuple[int, NDArray[np.float32] | Exception]]:
        if not prepared:
            return
        once = {id(each): each for _, each in prepared}
        try:
            with self._encode_lock:
                vectors = dict(zip(once, encode(self._encoder, list(once.values())), strict=True))
            yield from ((place, vectors[id(each)]) for place, each in prepared)
        except (WeightsMissingError, PluginError):
            raise  # no picture's fault: the ingest ends
        except Exception as error:
            if len(prepared) == 1:
                yield prepared[0][0], error
                return
            for one in prepared:
                yield from self._encode([one])

    def _unreadable(self, task: Task, error: Exception) -> Failed:
        if isinstance(error, FileNotFoundError):
            return self._problem(task, "file-missing", "The file is not there.")
        if isinstance(error, OutsideError):
            return self._problem(task, "path-outside", f"Not opened: {error}.")
        reason = getattr(error, "strerror", None) or str(error)
        return self._problem(task, "file-unreadable", f"The file cannot be read: {reason}.")

    def _bad(self, task: Task, problem: Problem) -> Failed:
        paths = () if self.hide else problem.paths
        stamp = "" if problem.code in ("file-changed", "file-missing") else bad_stamp(task.stamp, self._setting)
        return Failed(replace(problem, subject=task.item.id, paths=paths), stamp)

    def _problem(self, task: Task, code: str, message: str) -> Failed:
        return Failed(Problem(task.item.id, code, message, () if self.hide else task.item.paths), "")

    def _failed(self, task: Task, code: str, who: str, error: Exception, *, stamp: str) -> Failed:
        said = type(error).__name__
        if isinstance(error, MemoryError) or said == "OutOfMemoryError":
            code, said = f"{code.partition('-')[0]}-memory", "out of memory; a smaller --batch may help"
        elif isinstance(error, FieldglassError) and not self.hide:
            said = str(error)
        elif not self.hide:
            said = f"{said}: {error}"
        problem = Problem(task.item.id, code, f"{who!r}: {said[:500]}", () if self.hide else task.item.paths)
        return Failed(problem, stamp)


def _forms(encoder: Encoder, sample: Sample) -> str:
    """What a sample is, and what an encoder takes, in words that hold nothing of the source."""
    taken = dict.fromkeys(f"{each.kind} in {each.units}" for each in encoder.accepts if each.kind != "text")
    spacing = ", without spacing" if sample.kind == "volume" and not sample.spacing else ""
    return f"This is {sample.kind} in {sample.units}{spacing}; it takes {', '.join(taken)}."


def hook_columns(
    item: Item, base: Path, options: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, Any], list[tuple[str, Exception]]]:
    """What the metadata hooks of all plugins add to an item, and those that failed."""
    columns: dict[str, Any] = {}
    broken: list[tuple[str, Exception]] = []
    try:
        paths = tuple(inside(base, path) for path in item.paths)
    except (OutsideError, OSError):
        return columns, broken
    for plugin, found in registry().metadata(item, paths, options):
        if isinstance(found, Exception):
            broken.append((plugin, found))
        else:
            columns.update(found)
    return columns, broken


def encode_lock(encoder: Encoder) -> AbstractContextManager[Any]:
    """One encoding at a time on a GPU; on the CPU each worker encodes by itself."""
    return threading.Lock() if on_gpu(encoder) else nullcontext()


def on_gpu(encoder: Encoder) -> bool:
    """Whether the encoder computes elsewhere than on the CPU, by its `device`."""
    return str(getattr(encoder, "device", "cpu")).split(":", maxsplit=1)[0] not in ("cpu", "")

"""Compares what a scan finds with what the collection knows: one `stat` a file, no file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.ingest.batch import Task
from fieldglass.ingest.stamps import bad_stamp, metadata_hash, stamp_of
from fieldglass.store import Fault, Known, Source, Writer
from fieldglass.store.scans import SCAN, said
from fieldglass.types import Item, Problem

if TYPE_CHECKING:
    from fieldglass.types import Bitmap

__all__ = ["Compared", "Comparison"]

_PARTIAL = ("folder-unreadable", "loader-error")  # the scan has not seen everything


@dataclass
class Compared:
    """What is to be done for a chunk: tasks, new journal rows, and counts of what is known already."""

    tasks: list[Task] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unchanged: int = 0
    problems: int = 0


class Comparison:
    """Compares chunks of one scan.

    `setting` is that of `stamps.setting_of`. `lacking` is True at
    the positions of items without the field.
    """

    def __init__(
        self, writer: Writer, source: Source, base: Path, setting: str, lacking: Bitmap, *, rehash: bool
    ) -> None:
        self._writer, self._source, self._base, self._rehash = writer, source, str(base), rehash
        self._lacking = lacking
        self._setting = setting
        self._scan = writer.begin_scan()
        self.seen = 0
        self.partial = ""

    def __call__(self, chunk: Sequence[Item | Problem]) -> Compared:
        """Sort a chunk of a scan into what is new, changed, unchanged and bad."""
        ids = [self._source.collection_id(each.id if isinstance(each, Item) else each.subject) for each in chunk]
        known = self._writer.known(self._source, ids)
        result = Compared()
        self.seen += len(ids)
        self._writer.seen(self._scan, ids)
        problems = ((id, each) for id, each in zip(ids, chunk, strict=True) if isinstance(each, Problem))
        self._writer.seen(self._scan, [said(id, each.code) for id, each in problems])
        for id, each in zip(ids, chunk, strict=True):
            if isinstance(each, Problem):
                self._bad(each, id, known.get(id), result)
            else:
                self._item(each, id, known.get(id), result)
        return result

    def _item(self, item: Item, id: str, known: Known | None, result: Compared) -> None:
        try:
            stamp = stamp_of(item, self._base)
        except (OSError, ValueError) as error:
            code, reason = "file-unreadable", getattr(error, "strerror", None) or str(error)
            if isinstance(error, FileNotFoundError):
                code, reason = "file-missing", "it is not there"
            result.faults.append(Fault(Problem(id, code, f"The file cannot be read: {reason}.", item.paths)))
            result.problems += 1
            return
        of_metadata = metadata_hash(item)
        if known is None:
            result.tasks.append(Task(item, stamp, of_metadata))
        elif known.stamp == bad_stamp(stamp, self._setting) and not self._rehash:
            result.problems += 1
        elif known.position is None:
            result.tasks.append(Task(item, stamp, of_metadata))
        elif known.stamp != stamp or self._rehash:
            # without a stamp its vectors are lost, and the content alone does not bring them back
            result.tasks.append(Task(item, stamp, of_metadata, True, known.content_hash if known.stamp else ""))
        elif known.metadata_hash != of_metadata:
            result.tasks.append(Task(item, stamp, of_metadata, True, known.content_hash, columns_only=True))
        elif known.position < len(self._lacking) and self._lacking[known.position]:
            result.tasks.append(Task(item, stamp, of_metadata, True, fill=known.position))
        else:
            result.unchanged += 1

    def _bad(self, problem: Problem, id: str, known: Known | None, result: Compared) -> None:
        if problem.code in _PARTIAL:
            self.partial = f"{problem.subject!r}: {problem.message}"
        if problem.severity == "error":
            result.problems += 1
        # What the scan itself says costs nothing to find again: the journal needs it once.
        stamp = SCAN + blake2b(f"{problem.code} {problem.message}".encode(), digest_size=8).hexdigest()
        if known is None or known.stamp != stamp:
            result.faults.append(Fault(Problem(id, problem.code, problem.message, (), problem.severity), stamp))

    def forget(self) -> None:
        """Remove what earlier scans said of files and rows that are not there any more."""
        if not self.partial and self.seen:
            self._writer.forget(self._source, self._scan)

    def prune(self) -> tuple[int, str]:
        """Remove the items that this scan did not find: how many, and why it did not, if so."""
        if self.partial:
            return 0, f"Nothing was removed, since the scan is not whole: {self.partial}"
        if not self.seen:
            return 0, f"Nothing was removed, since nothing at all was found in {self._source.root}: is the drive there?"
        return self._writer.prune(self._source, self._scan), ""

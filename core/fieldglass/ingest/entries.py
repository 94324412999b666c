"""Turns the outcome of a batch into what the catalogue takes."""

from __future__ import annotations

from dataclasses import replace

from fieldglass.ingest.batch import Failed, Ready
from fieldglass.store import Entry, Fault, Source

__all__ = ["entry_of", "fault_of"]


def entry_of(ready: Ready, source: Source, *, hide: bool) -> Entry:
    """The entry of an item; without its paths where the loader is private."""
    task = ready.task
    item = replace(task.item, id=source.collection_id(task.item.id))
    if hide:
        item = replace(item, paths=())
    return Entry(
        item,
        task.stamp,
        ready.content_hash,
        ready.metadata,
        task.metadata_hash,
        ready.thumb,
        ready.vectors,
        ready.measured,
    )


def fault_of(failed: Failed, source: Source) -> Fault:
    """The journal row of a bad item."""
    return Fault(replace(failed.problem, subject=source.collection_id(failed.problem.subject)), failed.stamp)

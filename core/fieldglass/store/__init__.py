"""The collection on disk: one writer, many readers, one commit point."""

from __future__ import annotations

from fieldglass.store.exporting import export
from fieldglass.store.importing import import_
from fieldglass.store.parcels import write_parcel
from fieldglass.store.records import Column, Committed, Entry, Fault, Field, Finding, JournalRow, Known, Source
from fieldglass.store.segments import Segment
from fieldglass.store.snapshot import Snapshot
from fieldglass.store.store import Store
from fieldglass.store.writer import Writer

__all__ = [
    "Column",
    "Committed",
    "Entry",
    "Fault",
    "Field",
    "Finding",
    "JournalRow",
    "Known",
    "Segment",
    "Snapshot",
    "Source",
    "Store",
    "Writer",
    "export",
    "import_",
    "write_parcel",
]

"""Indexing elsewhere: a worker process turns items into parcels, and the owner of the collection commits them.

The worker needs the collection's folder, the source's files and the encoder, and takes no lock. What
it does with a batch is what `ingest` does with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.errors import FingerprintError, UnknownNameError
from fieldglass.ingest.batch import Failed, Ready, Step, Task, encode_lock
from fieldglass.ingest.entries import entry_of, fault_of
from fieldglass.ingest.hook_options import kept_options
from fieldglass.ingest.making import make_loader
from fieldglass.ingest.stamps import metadata_hash, setting_of
from fieldglass.loaders.paths import base_of
from fieldglass.store import Committed, Entry, Fault, Store
from fieldglass.store.parcels import INCOMING, write_parcel
from fieldglass.types import Item

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder

__all__ = ["adopt", "work"]


def work(
    store: Store,
    source: str,
    items: Sequence[Item],
    *,
    encoder: Encoder,
    field: str = "image",
    root: Path | None = None,
    batch: int = 32,
) -> Path:
    """Read and encode items of a source (as its loader's `scan` gave them) into one parcel; where it lies.

    `root` says where the source lies on this machine. Give some thousand items at a time: they are one
    transaction of the owner, and all of them are held in memory.
    """
    snapshot = store.snapshot()
    if source not in snapshot.sources:
        raise UnknownNameError(
            f"There is no source {source!r}.", hint=f"Sources: {', '.join(snapshot.sources) or 'none'}."
        )
    if field not in snapshot.fields or snapshot.fields[field].fingerprint != encoder.fingerprint:
        raise FingerprintError(
            f"The collection has no field {field!r} made by {encoder.name} ({encoder.fingerprint}).",
            hint="Let its owner add the field, or use the encoder of the collection.",
        )
    of = snapshot.sources[source]
    place = (root or of.root).resolve()
    loader = make_loader(of.loader, of.options, encoder)
    base = base_of(loader, place)
    setting = setting_of(of.loader, of.options)
    step = Step(
        loader,
        of.loader,
        place,
        base,
        encoder,
        field,
        setting,
        encode_lock=encode_lock(encoder),
        hook_options=kept_options(snapshot),
    )
    entries: list[Entry] = []
    faults: list[Fault] = []
    tasks = [Task(item, "", metadata_hash(item)) for item in items]
    for start in range(0, len(tasks), batch):
        done = step(tasks[start : start + batch])
        for outcome in done.items:
            if isinstance(outcome, Ready):
                entries.append(entry_of(outcome, of, hide=step.hide))
            elif isinstance(outcome, Failed):
                faults.append(fault_of(outcome, of))
        faults += [fault_of(each, of) for each in done.warnings]
    return write_parcel(store.path / INCOMING, snapshot.fields, of, entries, faults)


def adopt(store: Store) -> Committed:
    """Commit the parcels that workers have finished, and bring the index up to date."""
    from fieldglass.search import build

    with store.writer("adopt") as writer:
        done = writer.adopt_incoming()
        writer.merge()
    if done.new or done.changed:
        build(store)
    return done

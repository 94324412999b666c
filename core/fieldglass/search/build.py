"""Builds what a collection can be searched without, only slower: moments, the index of each field, the places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import MissingExtraError, UsageError
from fieldglass.registry import registry
from fieldglass.search import indexed, moments, placed
from fieldglass.search.rows import SegmentRows
from fieldglass.search.tune import tune

if TYPE_CHECKING:
    from fieldglass.interfaces import Index
    from fieldglass.store import Snapshot, Store

__all__ = ["LADDER", "build"]

LADDER = 100_000  # live items from which "auto" builds an index
HASHES = 20_000  # the same of fields that are stored as bits
BLOCK = 32_768
FRESH = 0.1  # of the collection: with a smaller tail an index is kept and the tail is scanned

Progress = Callable[[str], None]


def build(
    store: Store,
    *,
    kind: str = "auto",
    recall: float = 0.95,
    fields: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Bring the derived files up to date; returns what was written, by name.

    Moments and places are always topped up. An index is built where `kind` names one ("exact" names none), or, with
    "auto", where a field has more than 100 000 live items; one that covers nine tenths of them is kept.
    The lock is taken only to write. `recall` is what the index is tuned to, at 10.
    """
    if not 0 < recall <= 1:
        raise UsageError(f"recall is a share, 0 to 1, not {recall}.")
    if kind not in ("auto", "exact"):
        registry().get("indexes", kind)
    say = progress or (lambda _: None)
    snapshot = store.snapshot()
    written: list[str] = []
    for field in fields or tuple(snapshot.fields):
        written += _moments(store, snapshot, field, say)
        live = int(np.count_nonzero(snapshot.present(field)))
        wanted = _rung(snapshot.fields[field].dtype, live) if kind == "auto" else kind
        if wanted in ("auto", "exact") or not live:
            continue
        if kind == "auto" and _fresh(snapshot, field):
            continue
        say(f"{field}: building the {wanted} index over {live} items")
        try:
            index = _filled(snapshot, field, wanted)
        except MissingExtraError as error:
            if kind != "auto":
                raise
            say(f"{field}: no index; every search scans. {error}")
            continue
        tune(index, snapshot, field, recall)
        _write(store, snapshot, field, indexed.name(field), index.save, {"kind": wanted, "rows": live})
        written.append(indexed.name(field))
    return written + placed.write(store, say)


def _rung(dtype: str, live: int) -> str:
    """The index that "auto" builds: hashes stay hashes, and cost more to scan than they save from far fewer rows on."""
    if dtype == "bits":
        return "binary" if live > HASHES else "auto"
    return "ivf" if live > LADDER else "auto"


def _moments(store: Store, snapshot: Snapshot, field: str, say: Progress) -> list[str]:
    old = moments.load_sums(snapshot, field)
    if old is not None and old.covered == snapshot.size:
        return []
    say(f"{field}: moments")
    rows = SegmentRows(snapshot, field)
    sums = (old or moments.Sums.empty(rows.dim)).extended(rows, snapshot.size)

    def write(path: Path) -> None:
        moments.save_sums(sums, path)

    _write(store, snapshot, field, moments.name(field), write, {})
    return [moments.name(field)]


def _fresh(snapshot: Snapshot, field: str) -> bool:
    found = snapshot.derived(indexed.name(field))
    if found is None or not moments.stamped(snapshot, field, found[1]):
        return False
    return int(found[1]["covered"]) >= (1 - FRESH) * snapshot.size


def _filled(snapshot: Snapshot, field: str, kind: str) -> Index:
    """An index of the mean rows of the live items, trained on a sample where it trains."""
    rows = SegmentRows(snapshot, field)
    positions = np.flatnonzero(snapshot.present(field))
    index: Index = registry().create("indexes", kind)
    train = getattr(index, "train", None)
    if train is not None:
        chosen = np.random.default_rng(0).permutation(len(positions))[: index.sample(len(positions))]  # type: ignore[attr-defined]
        train(moments.mean_rows(rows.gather(positions[np.sort(chosen)])).astype(np.float32), len(positions))
    for start in range(0, len(positions), BLOCK):
        block = positions[start : start + BLOCK]
        index.add(block, moments.mean_rows(rows.gather(block)).astype(np.float32))
    return index


def _write(
    store: Store, snapshot: Snapshot, field: str, name: str, write: Callable[[Path], None], meta: dict[str, Any]
) -> None:
    with store.writer("build index") as writer:
        writer.write_derived(name, write, {**meta, **moments.stamp(snapshot, field, snapshot.size)})

"""Database-side augmentation: a second field whose vectors are moved towards their own neighbours.

The formula is that of alpha query expansion (Radenovic, Tolias and Chum, TPAMI 2019), for items instead of queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.search.indexed import Indexes
from fieldglass.search.nearest import nearest
from fieldglass.search.view import View

if TYPE_CHECKING:
    from fieldglass.store import Field, Snapshot, Store
    from fieldglass.types import F32, I64

__all__ = ["AUGMENTED", "Augmented", "augment"]

AUGMENTED = "dba:"  # how the origin of such a field begins; base, k and alpha follow
BATCH = 128


@dataclass(frozen=True)
class Augmented:
    """What an augmentation did: rows written, rows that were there already, and the items the base has."""

    field: str
    written: int
    kept: int
    items: int


def augment(
    store: Store,
    *,
    base: str = "image",
    field: str | None = None,
    k: int = 10,
    alpha: float = 3.0,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Augmented:
    """Fill `field` (BASE-dba) with the unit vectors of y + sum of s^alpha x over the `k` items x nearest to y.

    s is their similarity, 0 at least; the item itself is not its own neighbour. Items that have the field are left
    alone unless `again`, so that a run that was broken off goes on, and new items are topped up; what was made before
    does not know them. Memory does not grow with the collection. UsageError for a base of several rows or of bits, and
    for a field made otherwise.
    """
    if k < 1 or not 0 <= alpha < np.inf:
        raise UsageError(f"An augmentation takes k of 1 or more and alpha of 0 or more, not {k} and {alpha}.")
    name = field or f"{base}-dba"
    with store.writer("augment") as writer:
        snapshot = store.snapshot()
        spec = _spec(snapshot, base, name, f"{AUGMENTED}{base} k={k} alpha={alpha:g}")
        there = snapshot.present(name) if name in snapshot.fields else np.zeros(snapshot.size, dtype=np.bool_)
        every = np.flatnonzero(snapshot.present(base))
        wanted = every if again else every[~there[every]]
        writer.add_field(spec)
        written = 0
        if len(wanted):
            written = writer.fill(name, _rows(snapshot, base, wanted, k, alpha, progress))
        del snapshot
    return Augmented(name, written, len(every) - written, len(every))


def _spec(snapshot: Snapshot, base: str, name: str, origin: str) -> Field:
    """The new field: the encoder and fingerprint of its base, so that the same queries search it."""
    fields = snapshot.fields
    if base not in fields:
        raise UsageError(f"The collection has no field {base!r}.", hint=f"It has: {', '.join(fields) or 'none'}.")
    made = fields[base]
    if made.rows != 1 or made.dtype == "bits":
        raise UsageError(
            f"Field {base!r} holds {made.rows} rows of {made.dtype} for each item; one row of numbers can be augmented."
        )
    if made.origin.startswith(AUGMENTED):
        raise UsageError(f"Field {base!r} is augmented already.", hint="Augment the field that it was made of.")
    spec = replace(made, name=name, origin=origin)
    known = fields.get(name, spec)
    if known.origin != origin:
        said = f"It is {known.origin!r}, and {origin!r} was asked."
        raise UsageError(f"Field {name!r} was made otherwise. {said}", hint="Give another name by --to-field.")
    return spec


def _rows(
    snapshot: Snapshot, base: str, wanted: I64, k: int, alpha: float, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, F32]]:
    indexes = Indexes()
    view = View(snapshot, lambda view, field, vectors, k: nearest(view, indexes, field, vectors, k))
    for start in range(0, len(wanted), BATCH):
        chunk = wanted[start : start + BATCH]
        own = view.vectors(base, chunk)[:, 0].astype(np.float32)
        for position, vector, near in zip(chunk, own, view.neighbours(base, own, k + 1), strict=True):
            others = near.positions != position
            positions, scores = near.positions[others][:k], near.scores[others][:k]
            weights = np.maximum(scores, 0.0) ** alpha
            moved = vector + weights @ view.vectors(base, positions)[:, 0].astype(np.float64)
            norm = np.linalg.norm(moved)
            yield int(position), np.asarray(moved / norm if norm > 0 else vector, dtype=np.float32)[None]
        if progress is not None:
            progress(min(start + BATCH, len(wanted)), len(wanted))

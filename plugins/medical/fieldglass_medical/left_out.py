"""Neighbours of every labelled item among the items of other patients: leave one patient out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.encoders import as_query
from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.collection import Collection

__all__ = ["Labelled", "Neighbours", "labelled", "left_out"]

_CHUNK = 256


@dataclass(frozen=True)
class Labelled:
    """The labelled items of a collection: n of them.

    `gallery` is (n, rows, dim) float32 as stored, `queries` (n, dim) float32 as a search with that picture would be.
    `patients` and `voters` are (n,) int codes; those who share a voter have one vote together, their best item's.
    `alone` counts items without a patient: each is taken for a patient of its own.
    """

    ids: list[str]
    labels: NDArray[np.str_]
    patients: NDArray[np.int64]
    voters: NDArray[np.int64]
    gallery: NDArray[np.float32]
    queries: NDArray[np.float32]
    alone: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Neighbours:
    """Of one item: where its neighbours are among the labelled, best first, and their similarities."""

    item: int
    places: NDArray[np.int64]
    similarities: NDArray[np.float64]


def labelled(collection: Collection, column: str, *, per: str = "patient", group: str = "patient") -> Labelled:
    """The items whose `column` is not empty. UsageError where there is no such column, or fewer than two patients.

    :param per: who has one vote: "patient", "study", "series", or "item".
    :param group: whose items are never neighbours of one another.
    """
    snapshot = collection.store.snapshot()
    if column not in snapshot.columns:
        raise UsageError(
            f"{collection.path} has no column {column!r}.",
            hint="Bring labels in: fieldglass med annotate COLLECTION TABLE --on COLUMN_OF_FILES.",
        )
    field = collection.field
    positions = np.flatnonzero(snapshot.present(field.name))
    cells = snapshot.metadata(positions)
    kept = [place for place, cell in enumerate(cells) if str(cell.get(column, "")).strip()]
    positions = positions[kept]
    labels = np.array([str(cells[place][column]).strip() for place in kept], dtype=np.str_)
    patients, alone = _codes(snapshot.group(group, positions) if group in snapshot.columns else [None] * len(kept))
    if len(np.unique(patients)) < 2:
        raise UsageError(
            f"{collection.path} has {len(kept)} items with {column!r}, of fewer than two patients.",
            hint="Neighbours are those of other patients.",
        )
    voters = np.arange(len(kept), dtype=np.int64)
    if per != "item" and per in snapshot.columns:
        voters = _codes(snapshot.group(per, positions))[0]
    elif per not in ("item", group):
        raise UsageError(f"{collection.path} has no group {per!r}.", hint="Say item, series, study or patient.")
    gallery = snapshot.vectors(field.name, positions)
    queries = as_query(collection.encoder, gallery)
    return Labelled(snapshot.ids(positions), labels, patients, voters, gallery, queries, alone)


def left_out(items: Labelled, k: int) -> Iterator[Neighbours]:
    """The k best voters of other patients for each item, in the order of the items; equal ones by their place."""
    order = np.argsort(items.voters, kind="stable")
    starts = np.flatnonzero(np.diff(items.voters[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    for first in range(0, len(items), _CHUNK):
        asked = np.arange(first, min(first + _CHUNK, len(items)))
        scores = _scores(items, asked)[:, order]
        scores[items.patients[asked][:, None] == items.patients[order][None]] = -np.inf
        best = np.maximum.reduceat(scores, starts, axis=1)
        for row, item in enumerate(asked):
            voters = np.argsort(-best[row], kind="stable")[:k]
            voters = voters[np.isfinite(best[row, voters])]
            places = [int(starts[v] + np.argmax(scores[row, starts[v] : ends[v]])) for v in voters]
            yield Neighbours(int(item), order[np.array(places, dtype=np.int64)], best[row, voters].astype(np.float64))


def _scores(items: Labelled, asked: NDArray[np.int64]) -> NDArray[np.float32]:
    """(asked, n) inner products, the largest over the rows of an item."""
    count, rows, dim = items.gallery.shape
    flat = items.queries[asked] @ items.gallery.reshape(count * rows, dim).T
    return np.asarray(flat.reshape(len(asked), count, rows).max(axis=2))


def _codes(groups: list[str | None]) -> tuple[NDArray[np.int64], int]:
    """A number for each group; who has none is alone."""
    names = [f"={name}" if name is not None else f"-{place}" for place, name in enumerate(groups)]
    _, codes = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    return codes.astype(np.int64), sum(name is None for name in groups)

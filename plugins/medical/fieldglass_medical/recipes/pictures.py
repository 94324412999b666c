"""What recipes of pictures read: the items of a collection, decoded again, in batches of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.collection import open
from fieldglass.errors import UsageError
from fieldglass.training import shuffled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import Sample

__all__ = ["CollectionPictures"]

_CACHED = 512 << 20  # bytes of prepared pictures that are kept


class CollectionPictures:
    """The pictures, volumes and clips of a collection: what was indexed can be decoded.

    `prepare` makes an array of a sample and its id; those of one shape come in one batch. Pictures are decoded at
    their first use, and kept up to half a gigabyte.
    """

    def __init__(self, collection: str, prepare: Callable[[Sample, str], NDArray[np.uint8]], recipe: str) -> None:
        if not collection:
            raise UsageError(
                f"{recipe} learns from the pictures of a collection.", hint="Give --set collection=DIR; any encoder."
            )
        self._open = open(collection)
        snapshot = self._open.store.snapshot()
        self.ids = snapshot.ids(snapshot.live_positions())
        if len(self.ids) < 2:
            raise UsageError(f"{collection} holds {len(self.ids)} items: too few to learn from.")
        self._prepare, self._bytes = prepare, 0
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._depths = np.array([len(self[row]) for row in range(len(self.ids))])

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """(depth, height, width, 3) uint8."""
        found = self._kept.get(row)
        if found is None:
            found = self._prepare(self._open.engine.view().read(self.ids[row]), self.ids[row])
            if self._bytes + found.nbytes <= _CACHED:
                self._kept[row], self._bytes = found, self._bytes + found.nbytes
        return np.asarray(found)

    def batches(self, size: int, seed: int, epoch: int, start: int) -> Iterator[NDArray[np.uint8]]:
        """(n, depth, height, width, 3) uint8, each of one depth, the kinds mixed; from the `start`-th on."""
        planned = []
        for depth in np.unique(self._depths):
            rows = np.flatnonzero(self._depths == depth)
            planned += [rows[part] for part in shuffled(len(rows), size, seed=seed, epoch=epoch, whole=True)]
        order = np.random.default_rng((seed, epoch, 1)).permutation(len(planned))
        for at in order[start:]:
            yield np.stack([self[row] for row in planned[at]])

    def count(self, size: int) -> int:
        """Batches of an epoch."""
        return sum(max(1, number // size) for number in np.unique(self._depths, return_counts=True)[1])

"""Triplets whose pictures can be decoded: of a collection with a file, or of a benchmark's training split."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.benchmarks.loader import read
from fieldglass.collection import open
from fieldglass.errors import LoaderError, UsageError
from fieldglass.registry import registry
from fieldglass.training.triplets import Triplet, read_triplets
from fieldglass.types import Problem, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pictures", "Source", "gathered"]

Read = Callable[[str], Sample]


@dataclass(frozen=True)
class Source:
    """Triplets whose two pictures are there, how to decode one, how many triplets were left out, and a digest."""

    triplets: tuple[Triplet, ...]
    read: Read
    left_out: int
    digest: str


def gathered(triplets: str, collection: str, benchmark: str, root: str, split: str, recipe: str) -> Source:
    """UsageError where neither or both are asked for, or no triplet can be used."""
    if bool(triplets) == bool(benchmark):
        raise UsageError(
            f"{recipe} learns from triplets=FILE with collection=DIR, or from benchmark=NAME with root=DIR.",
            hint="Give one of the two, as --set triplets=pairs.csv --set collection=shop.collection.",
        )
    if benchmark and not root:
        raise UsageError(f"{recipe}: {benchmark} needs its files.", hint="Give --set root=DIR.")
    if triplets and not collection:
        raise UsageError(f"{recipe}: triplets name pictures of a collection.", hint="Give --set collection=DIR.")
    rows, there, reader = _of_benchmark(benchmark, root, split) if benchmark else _of_collection(triplets, collection)
    rows = list(dict.fromkeys(rows))
    kept = tuple(each for each in rows if there(each.reference) and there(each.target))
    if not kept:
        raise UsageError(f"{recipe}: none of the {len(rows)} triplets has both of its pictures.")
    return Source(kept, reader, len(rows) - len(kept), hashlib.sha256(repr(kept).encode()).hexdigest())


def _of_collection(triplets: str, collection: str) -> tuple[list[Triplet], Callable[[str], bool], Read]:
    opened = open(collection)
    snapshot = opened.store.snapshot()
    known = set(snapshot.ids(snapshot.live_positions()))
    view = opened.engine.view()
    return list(read_triplets(Path(triplets).expanduser())), known.__contains__, view.read


def _of_benchmark(name: str, root: str, split: str) -> tuple[list[Triplet], Callable[[str], bool], Read]:
    reader: Any = registry().create("benchmarks", name, {"root": root, "split": split})
    if not callable(getattr(reader, "triplets", None)):
        raise UsageError(f"{name} has no training triplets.", hint="fashioniq, cirr and fashion/facap have.")
    folder = Path(root).expanduser()
    items = {item.id: item for item in reader.gallery()}
    found = {id for id, item in items.items() if all((folder / path).is_file() for path in item.paths)}

    def sample(id: str) -> Sample:
        (answer,) = read([items[id]], folder)
        if isinstance(answer, Problem):
            raise LoaderError(f"{id!r} cannot be read: {answer.message}", hint="Take its triplets out.")
        return answer

    return list(reader.triplets()), found.__contains__, sample


class Pictures:
    """Prepared pictures by id, (side, side, 3) uint8, the last used ones kept up to `limit` bytes."""

    def __init__(self, read: Read, prepare: Callable[[Sample], NDArray[np.uint8]], limit: int) -> None:
        self._read, self._prepare, self._limit = read, prepare, limit
        self._kept: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()
        self._bytes = 0

    def batch(self, ids: Sequence[str]) -> NDArray[np.uint8]:
        """(n, side, side, 3) uint8."""
        return np.stack(list(self._each(ids)))

    def _each(self, ids: Sequence[str]) -> Iterator[NDArray[np.uint8]]:
        for id in ids:
            found = self._kept.pop(id, None)
            if found is None:
                found = self._prepare(self._read(id))
                self._bytes += found.nbytes
            self._kept[id] = found
            while self._bytes > self._limit and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
            yield found

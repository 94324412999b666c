"""Pairs of products that differ in something one could say: the first step to a set of triplets of one's own.

As FACap and good4cir mine theirs: partners of one category and of other products, alike within a band, so that a short
sentence can tell what differs. The bounds .6 and .9 are of CLIP-like encoders; other encoders have others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.collection import Collection

__all__ = ["Pair", "pairs"]

_BLOCK = 512  # items compared with their category at a time
_MOST = 20_000  # of a larger category, a sample
_SAID = ("color", "size", "material", "pattern", "brand", "title", "price", "gender")


@dataclass(frozen=True)
class Pair:
    """Two items of a category, their cosine, and the columns in which they differ: {name: (reference, target)}."""

    reference: str
    target: str
    category: str
    similarity: float
    differs: dict[str, tuple[Any, Any]]


def pairs(
    collection: Collection,
    *,
    low: float = 0.6,
    high: float = 0.9,
    each: int = 1,
    limit: int = 0,
    seed: int = 0,
    where: str | None = None,
) -> Iterator[Pair]:
    """Up to `each` partners for every first picture of a product, drawn at random among those within the band.

    The same for the same collection and seed. UsageError for bounds that cannot be, or where vectors are no vectors
    of one row.
    """
    if not (-1 <= low < high <= 1) or each < 1 or limit < 0:
        raise UsageError(f"low={low}, high={high}, each={each} and limit={limit} cannot be.")
    if collection.field.rows != 1:
        raise UsageError("Pairs are made of encoders with one vector an item.", hint="Use a collection of another one.")
    snapshot = collection.store.snapshot()
    live = snapshot.select(where) if where else snapshot.live_positions()
    rng = np.random.default_rng(seed)
    made = 0
    for category, positions in _categories(snapshot, live):
        kept = positions if len(positions) <= _MOST else np.sort(rng.choice(positions, _MOST, replace=False))
        for pair in _of_category(collection, snapshot, category, kept, low, high, each, rng):
            yield pair
            made += 1
            if made == limit:
                return


def _categories(snapshot: Any, live: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Positions by category, one picture a product: colours of one cut are other products' business."""
    present = live[snapshot.present(next(iter(snapshot.fields)))[live]]
    names = snapshot.group("category", present) if "category" in snapshot.columns else [""] * len(present)
    products = snapshot.group("product", present) if "product" in snapshot.columns else snapshot.ids(present)
    found: dict[str, dict[str | None, int]] = {}
    for position, name, product in zip(present.tolist(), names, products, strict=True):
        found.setdefault(name or "", {}).setdefault(product, position)
    for name in sorted(found):
        yield name, np.array(sorted(found[name].values()), dtype=np.int64)


def _of_category(
    collection: Collection, snapshot: Any, category: str, positions: NDArray[np.int64], low: float, high: float,
    each: int, rng: np.random.Generator,
) -> Iterator[Pair]:  # fmt: skip
    field = collection.field.name
    gallery = snapshot.vectors(field, positions)[:, 0]
    double = snapshot.group("near_duplicate", positions) if "near_duplicate" in snapshot.columns else None
    for start in range(0, len(positions), _BLOCK):
        block = gallery[start : start + _BLOCK] @ gallery.T
        for row, similarities in enumerate(block, start):
            near = np.flatnonzero((similarities >= low) & (similarities <= high))
            near = near[near != row]
            if double is not None and double[row] is not None:
                near = np.array([other for other in near.tolist() if double[other] != double[row]], dtype=np.int64)
            if not len(near):
                continue
            for other in rng.choice(near, min(each, len(near)), replace=False).tolist():
                yield _pair(snapshot, category, int(positions[row]), int(positions[other]), float(similarities[other]))


def _pair(snapshot: Any, category: str, reference: int, target: int, similarity: float) -> Pair:
    names = snapshot.ids([reference, target])
    one, other = snapshot.metadata([reference, target])
    differs = {name: (one.get(name), other.get(name)) for name in _SAID if one.get(name) != other.get(name)}
    return Pair(names[0], names[1], category, round(similarity, 6), differs)

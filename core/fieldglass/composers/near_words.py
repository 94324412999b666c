"""The words nearest to each item of a gallery, found once an item: neighbours come back in query after query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from fieldglass.encoders import as_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, I64, GalleryView

__all__ = ["nearest_words", "words_of_items"]

TOGETHER = 64  # rows of one product: always as many, so that an answer does not depend on who else asks
GROUP = 16  # words of which only the best is looked at first
GATHERED = 4096

_KNOWN: WeakKeyDictionary[GalleryView, dict[object, NDArray[np.int32]]] = WeakKeyDictionary()


def words_of_items(
    positions: I64, field: str, words: Sequence[str], vectors: F32, n: int, encoder: Encoder, gallery: GalleryView
) -> I64:
    """(m,) positions -> (m, n) places of words, nearest first; `vectors` (w, d) are those of the words.

    What was found for an item is kept for as long as the gallery is (four bytes a word and an item).
    """
    n = min(n, len(vectors))
    every = _KNOWN.setdefault(gallery, {})
    key = (field, encoder.fingerprint, n, len(words), hash(tuple(words)))
    if key not in every:
        every[key] = np.zeros((gallery.size, n), dtype=np.int32)  # of place + 1: pages nobody touches cost nothing
    known = every[key]
    new = np.unique(positions[known[positions, 0] == 0])
    for start in range(0, len(new), GATHERED):
        mine = new[start : start + GATHERED]
        known[mine] = nearest_words(as_text(encoder, gallery.vectors(field, mine)), vectors, n) + 1
    return known[positions].astype(np.int64) - 1


def nearest_words(rows: F32, words: F32, n: int) -> I64:
    """Rows (r, d) and words (w, d) -> (r, n) places of the words nearest to each row; of equals the first."""
    n = min(n, len(words))
    found = np.empty((len(rows), n), dtype=np.int64)
    block = np.zeros((TOGETHER, rows.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), TOGETHER):
        count = min(TOGETHER, len(rows) - start)
        block[:count], block[count:] = rows[start : start + count], 0
        found[start : start + count] = _best((block @ words.T)[:count], n)
    return found


def _best(scores: F32, n: int) -> I64:
    """(r, w) -> (r, n) columns of the highest scores, by way of a bound: the n-th best of the groups' maxima."""
    count, width = scores.shape
    groups = width // GROUP
    if groups < n:
        return np.argsort(-scores, axis=1, kind="stable")[:, :n]
    highest = scores[:, : groups * GROUP].reshape(count, GROUP, groups).max(axis=1)
    limits = np.partition(highest, groups - n, axis=1)[:, groups - n]
    rows, columns = np.nonzero(scores >= limits[:, None])
    order = np.lexsort((columns, -scores[rows, columns], rows))
    starts = np.searchsorted(rows, np.arange(count))
    return np.asarray(columns[order][starts[:, None] + np.arange(n)], dtype=np.int64)

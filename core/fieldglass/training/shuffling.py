"""The order of the examples in an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.types import I64

__all__ = ["shuffled"]


def shuffled(count: int, size: int, *, seed: int, epoch: int, start: int = 0, whole: bool = False) -> Iterator[I64]:
    """Numbers below `count` in batches of `size`, (size,) int64 each, in an order of their own in every epoch.

    :param start: batches to leave out, as if they had been taken.
    :param whole: leave out the last batch where it is not full, unless it is the only one.
    """
    order = np.random.default_rng((seed, epoch)).permutation(count)
    end = count // size * size if whole and count >= size else count
    for first in range(start * size, end, size):
        yield order[first : first + size]

"""One matrix of scores read in both directions: texts that ask for pictures, and pictures that ask for texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.evaluation.ranks import ranks_from_scores

if TYPE_CHECKING:
    from fieldglass.types import F64, I64, Bitmap, Ranking

__all__ = ["BothWays"]


class BothWays:
    """Collects the rankings of all queries, and tells where queries stand when an item is what is asked with.

    Caption retrieval is measured so: the scores of all pairs are made once, its rows are ranked for text to image and
    its columns for image to text. The rankings must be whole, and the scores comparable between queries, as the inner
    products of the composer `text` are; those of a calibrated or reranked method are not.

    Eight bytes a pair of a query and an item.
    """

    def __init__(self, items: Sequence[str]) -> None:
        self.items = tuple(items)
        self.queries: list[str] = []
        self._column = {name: column for column, name in enumerate(self.items)}
        self._rows: list[F64] = []

    def add(self, query: str, ranking: Ranking) -> None:
        """The scores of one query; items that are not ranked have none."""
        row = np.full(len(self.items), np.nan)
        row[[self._column[name] for name in ranking.ids]] = ranking.scores
        self.queries.append(query)
        self._rows.append(row)

    def scores(self, item: str) -> F64:
        """(n,) the score of each query for the item, in the order of adding; NaN where it was not ranked."""
        column = self._column[item]
        return np.array([row[column] for row in self._rows], dtype=np.float64)

    def query_ranks(self, item: str, relevant: Bitmap) -> I64:
        """0-based ranks of the relevant queries, (n,) bool in the order of adding, by their score for the item.

        Equal scores count against the relevant ones: two texts that are word for word the same cannot be told apart.
        """
        return ranks_from_scores(self.scores(item), relevant)

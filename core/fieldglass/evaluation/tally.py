"""Collects the values of each query as they come and gives their means."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.types import F64

__all__ = ["Tally"]


class Tally:
    """Eight bytes a query and metric, so that confidence intervals and paired tests can follow.

    A value of NaN says that the query does not count in that metric (ROxford without positives); nothing is
    rounded before the mean is taken.
    """

    def __init__(self) -> None:
        self.queries: dict[str, list[str]] = {}
        self.plain: set[str] = set()  # metrics that are no shares, and never percentages: kilometres, log ranks
        self._values: dict[str, array[float]] = {}

    def add(self, metric: str, query: str, value: float, *, plain: bool = False) -> None:
        """The value of one query, named so that two runs can be paired; a share unless it is `plain`."""
        if plain:
            self.plain.add(metric)
        self._values.setdefault(metric, array("d")).append(value)
        self.queries.setdefault(metric, []).append(query)

    def __contains__(self, metric: str) -> bool:
        return metric in self._values

    @property
    def metrics(self) -> tuple[str, ...]:
        """In the order of their first value."""
        return tuple(self._values)

    def values(self, metric: str) -> F64:
        """(n,) float64, one a query; empty where there is no such metric."""
        return np.array(self._values.get(metric, ()), dtype=np.float64)

    def answered(self, metric: str) -> list[tuple[str, float]]:
        """(query, value) of those that count: NaN is a query that this metric skips."""
        pairs = zip(self.queries[metric], self.values(metric).tolist(), strict=True)
        return [(query, value) for query, value in pairs if not math.isnan(value)]

    def mean(self, metric: str) -> float:
        """Over the queries that count; 0 where none does."""
        values = self.values(metric)
        values = values[~np.isnan(values)]
        return math.fsum(values) / len(values) if len(values) else 0.0

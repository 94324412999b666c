"""How sure a mean is, and whether two runs over the same queries differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fieldglass.types import F64

__all__ = ["Difference", "bootstrap", "compare"]

_CELLS = 2_000_000  # values drawn at a time


@dataclass(frozen=True)
class Difference:
    """Mean of b - a over the same queries, its confidence interval, and the p-value of no difference."""

    mean: float
    low: float
    high: float
    p: float
    queries: int


def bootstrap(
    values: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of (n,) values, drawing queries with replacement (Efron 1979).

    NaN do not count. With no value at all, (0, 0).
    """
    kept = _counted(values)
    if not len(kept):
        return 0.0, 0.0
    _check(confidence, resamples)
    random = np.random.default_rng(seed)
    means = [kept[random.integers(0, len(kept), (rows, len(kept)))].mean(axis=1) for rows in _rows(resamples, kept)]
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def compare(
    a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Difference:
    """Paired two-sided randomisation test: the sign of each query's difference is drawn (Fisher; Smucker 2007).

    p = (1 + times that |mean| was as large) / (1 + resamples), so it is never 0. Queries with NaN in either do not
    count.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise UsageError(f"Runs of shape {first.shape} and {second.shape} cannot be paired: query by query is needed.")
    _check(confidence, resamples)
    gap = _counted(second - first)
    if not len(gap):
        return Difference(0.0, 0.0, 0.0, 1.0, 0)
    random = np.random.default_rng(seed)
    seen = abs(gap.mean()) * (1 - 1e-12)  # as large, whatever the rounding of another order of summing
    extreme = 0
    for rows in _rows(resamples, gap):
        signs = random.integers(0, 2, (rows, len(gap))) * 2.0 - 1
        extreme += int(np.count_nonzero(np.abs(signs @ gap / len(gap)) >= seen))
    low, high = bootstrap(gap, confidence=confidence, resamples=resamples, seed=seed)
    return Difference(float(gap.mean()), low, high, (1 + extreme) / (1 + resamples), len(gap))


def _counted(values: ArrayLike) -> F64:
    found = np.asarray(values, dtype=np.float64).ravel()
    return found[~np.isnan(found)]


def _rows(resamples: int, values: F64) -> list[int]:
    most = max(1, _CELLS // len(values))
    return [most] * (resamples // most) + ([resamples % most] if resamples % most else [])


def _check(confidence: float, resamples: int) -> None:
    if not 0 < confidence < 1 or resamples < 1:
        raise UsageError(f"confidence={confidence} must be between 0 and 1, and resamples={resamples} at least 1.")

"""Turns the share of a vote into a confidence: how often votes with that share were right.

Isotonic: the non-decreasing step function of least squares (pool adjacent violators), with lines between its steps.
Temperature: sigmoid(logit(share) / T) with the T of the least log loss. Expected calibration error: the mean over
equally wide bins of |accuracy - confidence|, weighted by their sizes (arXiv 1706.04599).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Calibration", "cross_fitted", "expected_calibration_error", "fit", "isotonic"]

Method = Literal["isotonic", "temperature", "none"]
_EDGE = 1e-3
_FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration: knots of the isotonic one, or a temperature."""

    method: Method
    shares: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()
    temperature: float = 1.0

    def of(self, share: float) -> float:
        """The confidence of one share, between 0 and 1."""
        return float(self.apply([share])[0])

    def apply(self, shares: ArrayLike) -> NDArray[np.float64]:
        """(n,) shares -> (n,) confidences."""
        values = np.asarray(shares, dtype=np.float64)
        if self.method == "isotonic":
            return np.asarray(np.interp(values, self.shares, self.rates))
        if self.method == "temperature":
            return np.asarray(1 / (1 + np.exp(-_logit(values) / self.temperature)))
        return values


def fit(shares: ArrayLike, right: ArrayLike, method: Method = "isotonic") -> Calibration:
    """From (n,) shares of leading labels and whether each was right. UsageError without any, or for another method."""
    values, truth = np.asarray(shares, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if method not in ("isotonic", "temperature", "none"):
        raise UsageError(f"calibration {method!r} is not known.", hint="isotonic, temperature or none.")
    if not len(values) or values.shape != truth.shape:
        raise UsageError("There is nothing to calibrate by.", hint="Two patients with labels are the least.")
    if method == "temperature":
        return Calibration(method, temperature=_temperature(values, truth))
    if method == "isotonic":
        knots, rates = isotonic(values, truth)
        return Calibration(method, tuple(knots.tolist()), tuple(rates.tolist()))
    return Calibration(method)


def isotonic(shares: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """The distinct shares, ascending, and the non-decreasing rate at each."""
    knots, places = np.unique(shares, return_inverse=True)
    counts = np.bincount(places).astype(np.float64)
    sums = np.bincount(places, weights=right)
    blocks: list[tuple[float, float, int]] = []  # sum, count, knots
    for total, count in zip(sums, counts, strict=True):
        block = (float(total), float(count), 1)
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    return knots, np.concatenate([np.full(width, total / count) for total, count, width in blocks])


def expected_calibration_error(confidences: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """0 for confidences that are the frequencies; NaN without any."""
    values, truth = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not len(values):
        return float("nan")
    which = np.minimum((values * bins).astype(np.int64), bins - 1)
    gaps = [abs(float(truth[which == each].sum() - values[which == each].sum())) for each in range(bins)]
    return sum(gaps) / len(values)


def cross_fitted(
    shares: ArrayLike, right: ArrayLike, patients: Sequence[str] | NDArray[np.int64], method: Method
) -> NDArray[np.float64]:
    """(n,) confidences, each by a calibration fitted without the fold that its patient is in.

    A calibration looks better than it is on what it was fitted to; the error that is reported comes from these.
    """
    values, truth = np.asarray(shares, dtype=np.float64), np.asarray(right, dtype=np.float64)
    _, codes = np.unique(np.asarray(patients), return_inverse=True)
    folds = codes % min(_FOLDS, int(codes.max(initial=0)) + 1)
    found = values.copy()
    for fold in np.unique(folds):
        kept = folds != fold
        if kept.any():
            found[~kept] = fit(values[kept], truth[kept], method).apply(values[~kept])
    return found


def _logit(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(shares, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def _temperature(shares: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Least log loss over a fine grid of temperatures, 1/20 to 20: one number needs no gradient."""
    grid = np.geomspace(0.05, 20, 400)
    scaled = _logit(shares)[None] / grid[:, None]
    losses = np.logaddexp(0, np.where(right > 0.5, -scaled, scaled)).mean(axis=1)
    return float(grid[np.argmin(losses)])

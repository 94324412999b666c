"""The vote of the nearest neighbours: their labels, weighted by how near they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from fieldglass_medical.calibration import Calibration

__all__ = ["TAU", "Vote", "vote", "weights"]

TAU = 0.05


@dataclass(frozen=True)
class Vote:
    """What the neighbours say.

    `label` is None where the vote abstains; `leading` is what most of them say, "" without neighbours. `share` is the
    weight that `leading` has, `confidence` that share after calibration (the share itself without one), and `shares`
    the weight of each label, largest first; they sum to 1. `reason` says why it abstains.
    """

    label: str | None
    leading: str
    share: float
    confidence: float
    shares: Mapping[str, float]
    neighbours: int
    reason: str = ""


def weights(similarities: ArrayLike, tau: float = TAU) -> NDArray[np.float64]:
    """(k,) softmax(similarity / tau). UsageError for a tau that is not above 0 or a similarity that is no number."""
    if not tau > 0:
        raise UsageError(f"tau={tau} must be above 0.", hint="Small values follow the nearest; large ones count heads.")
    values = np.asarray(similarities, dtype=np.float64)
    if not np.isfinite(values).all():
        raise UsageError("A similarity is no number.")
    if not len(values):
        return values
    raised = np.exp((values - values.max()) / tau)
    return np.asarray(raised / raised.sum())


def vote(
    labels: Sequence[str],
    similarities: ArrayLike,
    *,
    tau: float = TAU,
    abstain: float = 0.0,
    calibration: Calibration | None = None,
) -> Vote:
    """The label with the largest weight; equal weights go to the first in the alphabet.

    :param abstain: below this confidence no label is given.
    :param calibration: turns the share of the leading label into the frequency with which it was right.
    """
    if not 0 <= abstain <= 1:
        raise UsageError(f"abstain={abstain} is no confidence: it lies between 0 and 1.")
    given = weights(similarities, tau)
    if len(given) != len(labels):
        raise UsageError(f"{len(labels)} labels and {len(given)} similarities do not go together.")
    if not labels:
        return Vote(None, "", 0.0, 0.0, {}, 0, "no labelled neighbour of another patient")
    sums: dict[str, float] = {}
    for label, weight in zip(labels, given, strict=True):
        sums[label] = sums.get(label, 0.0) + float(weight)
    shares = dict(sorted(sums.items(), key=lambda each: (-each[1], each[0])))
    leading, share = next(iter(shares.items()))
    confidence = share if calibration is None else calibration.of(share)
    if confidence < abstain:
        return Vote(None, leading, share, confidence, shares, len(labels), f"confidence below {abstain:g}")
    return Vote(leading, leading, share, confidence, shares, len(labels))

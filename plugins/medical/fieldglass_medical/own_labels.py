"""Judges a labelled collection by leaving one patient out: retrieval, the vote, and how far its confidence holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.metrics import Tally, average_precision, hit_at, precision_at
from fieldglass_medical.calibration import Calibration, Method, cross_fitted, expected_calibration_error, fit
from fieldglass_medical.left_out import Labelled, labelled, left_out
from fieldglass_medical.vote import TAU, vote

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.collection import Collection

__all__ = ["Judged", "calibrated", "judge"]

_AT = (1, 3, 5, 10)


@dataclass(frozen=True)
class Judged:
    """Shares of the leading labels (n,), whether each was right (n,), the patients, and the tally of retrieval."""

    items: Labelled
    shares: NDArray[np.float64]
    right: NDArray[np.bool_]
    tally: Tally

    def calibration(self, method: Method) -> tuple[Calibration, dict[str, float]]:
        """Fitted to all votes, with its expected calibration error before and, cross-fitted by patient, after."""
        after = cross_fitted(self.shares, self.right, self.items.patients, method)
        return fit(self.shares, self.right, method), {
            "ECE of shares": expected_calibration_error(self.shares, self.right),
            "ECE of confidences": expected_calibration_error(after, self.right),
        }

    def figures(self, method: Method, abstain: float = 0.0) -> dict[str, float]:
        """Percentages: retrieval, accuracy of the vote, the same where it does not abstain, and the errors as shares.

        Balanced accuracy is the mean of the accuracies of the classes.
        """
        confidences = cross_fitted(self.shares, self.right, self.items.patients, method)
        spoken = confidences >= abstain
        classes = [self.right[self.items.labels == label].mean() for label in np.unique(self.items.labels)]
        found = {name: 100 * self.tally.mean(name) for name in self.tally.metrics}
        found["vote accuracy"] = 100 * float(self.right.mean())
        found["vote balanced accuracy"] = 100 * float(np.mean(classes))
        found["coverage"] = 100 * float(spoken.mean())
        if spoken.any():
            found["accuracy where it speaks"] = 100 * float(self.right[spoken].mean())
        return found | self.calibration(method)[1]


def judge(items: Labelled, *, k: int = 10, tau: float = TAU) -> Judged:
    """Every item asks the others; P@k, hit@k and mAP@k count voters of other patients with its label.

    An item whose label no other patient has can be found by nobody: it does not count in mAP@k and hit@k, but the
    vote on it counts.
    """
    tally = Tally()
    shares = np.zeros(len(items))
    right = np.zeros(len(items), dtype=np.bool_)
    for near in left_out(items, max(k, *_AT)):
        label, name = items.labels[near.item], items.ids[near.item]
        ranks = np.flatnonzero(items.labels[near.places] == label)
        positives = _positives(items, near.item)
        for at in _AT:
            tally.add(f"P@{at}", name, precision_at(ranks, at))
            tally.add(f"hit@{at}", name, hit_at(ranks, at) if positives else float("nan"))
        tally.add(f"mAP@{k}", name, average_precision(ranks, positives, k) if positives else float("nan"))
        said = vote([str(each) for each in items.labels[near.places[:k]]], near.similarities[:k], tau=tau)
        shares[near.item], right[near.item] = said.share, said.leading == label
    return Judged(items, shares, right, tally)


def calibrated(
    collection: Collection, column: str, *, k: int, tau: float, per: str, method: Method
) -> tuple[Calibration | None, dict[str, Any]]:
    """The calibration of votes in a collection, by its own labels, and what is told of it; None for "none"."""
    if method == "none":
        return None, {"method": "none"}
    items = labelled(collection, column, per=per)
    found, errors = judge(items, k=k, tau=tau).calibration(method)
    told = {"method": method, "items": len(items), "patients": len(np.unique(items.patients)), **errors}
    return found, told


def _positives(items: Labelled, item: int) -> int:
    same = (items.labels == items.labels[item]) & (items.patients != items.patients[item])
    return len(np.unique(items.voters[same]))

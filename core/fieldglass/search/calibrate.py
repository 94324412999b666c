"""Mean and standard deviation of the scores of each probe, over the whole field or over the matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.search.rows import similarities

if TYPE_CHECKING:
    from fieldglass.search.plan import Part, Plan
    from fieldglass.search.rows import SegmentRows
    from fieldglass.search.scope import Scope
    from fieldglass.search.view import View
    from fieldglass.types import F64, I64, Moments

__all__ = ["SAMPLE", "calibrate", "needs_calibration"]

SAMPLE = 20_000  # items whose best-row scores stand for all, where a field has several rows per item
CONSTANT = 1e-6  # of |q| |x|: less spread than this is rounding, and the scores are equal
CHUNK = 4096


def needs_calibration(plan: Plan) -> bool:
    """A single inner product needs none."""
    return not plan.single


def calibrate(plan: Plan, view: View, scopes: Sequence[Scope], over: str) -> tuple[Plan, list[str]]:
    """The plan with its statistics, and what to tell about them. `over` is "all" or "matches"."""
    notes: list[str] = []
    found: list[tuple[F64, F64]] = []
    for part in plan.parts:
        rows = view.rows(part.field)
        if over == "matches":
            whole = view.present(part.field)
            seen = {id(scope): np.flatnonzero(scope.allowed & whole) for scope in scopes}
            each = [_scanned(part, query, rows, seen[id(scope)]) for query, scope in enumerate(scopes)]
            found.append((np.array([mean for mean, _ in each]), np.array([std for _, std in each])))
        elif rows.rows > 1:
            sample, note = _sample(view, part.field)
            notes += [note] if note else []
            each = [_scanned(part, query, rows, sample) for query in range(plan.count)]
            found.append((np.array([mean for mean, _ in each]), np.array([std for _, std in each])))
        else:
            found.append(_exact(part, view.moments(part.field)))
    if plan.fusion.needs == "moments":
        notes.append(
            "Calibrated over the items that match the filter."
            if over == "matches"
            else "Calibrated over all items of the field."
        )
    return plan.calibrated(found), list(dict.fromkeys(notes))


def _exact(part: Part, moments: Moments) -> tuple[F64, F64]:
    mean, std = moments.of_scores(part.vectors)
    length = np.sqrt(max(float(np.trace(moments.covariance) + moments.mean @ moments.mean), 0.0))
    noise = CONSTANT * length * np.linalg.norm(part.vectors.astype(np.float64), axis=1)
    return mean + part.bias, np.where(std > noise, std, 0.0)


def _scanned(part: Part, query: int, rows: SegmentRows, positions: I64) -> tuple[float, float]:
    if len(positions) == 0:
        return 0.0, 0.0
    scores = np.concatenate(
        [
            similarities(rows.gather(positions[start : start + CHUNK]), part.vectors[query], rows.reduce)
            for start in range(0, len(positions), CHUNK)
        ]
    )
    mean = float(scores.mean())
    std = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
    noise = CONSTANT * float(np.abs(scores).max())
    return mean + part.bias, std if std > noise else 0.0


def _sample(view: View, field: str) -> tuple[I64, str]:
    there = np.flatnonzero(view.present(field))
    if len(there) <= SAMPLE:
        return there, ""
    chosen = np.random.default_rng(0).choice(len(there), SAMPLE, replace=False)
    return there[np.sort(chosen)], f"Calibrated {field!r} on a sample of {SAMPLE} of its {len(there)} items."

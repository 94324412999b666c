"""Mean and standard deviation of the scores of each probe, over the whole field or over the matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.search.plan import Part, Plan
    from fieldglass.search.rows import SegmentRows
    from fieldglass.search.scope import Scope
    from fieldglass.search.view import View
    from fieldglass.types import F32, F64, I64, Bitmap, Moments

__all__ = ["SAMPLE", "calibrate", "needs_calibration"]

SAMPLE = 20_000  # items whose best-row scores stand for all, where a field has several rows per item
CONSTANT = 1e-6  # of |q| |x|: less spread than this is rounding, and the scores are equal
CHUNK = 4096
HELD = 1 << 22  # scores at a time: 32 MiB


def needs_calibration(plan: Plan) -> bool:
    """A single inner product needs none."""
    return not plan.single


def calibrate(plan: Plan, view: View, scopes: Sequence[Scope], over: str) -> tuple[Plan, list[str]]:
    """The plan with its statistics, and what to tell about them. `over` is "all" or "matches"."""
    notes: list[str] = []
    found: list[tuple[F64, F64]] = []
    shared: dict[str, list[_Shared]] = {}
    for part in plan.parts:
        rows = view.rows(part.field)
        if over == "matches":
            if part.field not in shared:
                shared[part.field] = list(_sharing(scopes, view.present(part.field)))
            found.append(_together(part, view, shared[part.field]))
        elif rows.rows > 1:
            sample, note = _sample(view, part.field)
            notes += [note] if note else []
            found.append(_scanned(part, rows, sample, np.arange(plan.count)))
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


@dataclass(frozen=True)
class _Shared:
    """Queries that follow one another, the rows that any of them matches, and (queries, rows) which, unless all.

    `condition` is the one SQL that all rows match and no other, where there is one.
    """

    queries: I64
    positions: I64
    allowed: Bitmap | None
    condition: str | None


def _together(part: Part, view: View, shared: Sequence[_Shared]) -> tuple[F64, F64]:
    """Of each query over what its scope allows."""
    each = [_of_shared(part, view, one) for one in shared]
    return np.concatenate([mean for mean, _ in each]), np.concatenate([std for _, std in each])


def _of_shared(part: Part, view: View, shared: _Shared) -> tuple[F64, F64]:
    rows = view.rows(part.field)
    if shared.condition is not None and rows.rows == 1:
        moments = view.matched(part.field, shared.condition, shared.positions, len(shared.queries))
        if moments is not None:
            return _exact(replace(part, vectors=part.vectors[shared.queries]), moments)
    return _scanned(part, rows, shared.positions, shared.queries, shared.allowed)


def _sharing(scopes: Sequence[Scope], whole: Bitmap) -> Iterator[_Shared]:
    """Queries in order, parted where they would share less than half of the rows of all."""
    seen = {id(scope): scope.allowed & whole for scope in scopes}
    matches = [seen[id(scope)] for scope in scopes]
    first, union = 0, matches[0]
    for query, each in enumerate(matches):
        if each is union:
            continue
        more = union | each
        if 2 * min(np.count_nonzero(each), np.count_nonzero(union)) < np.count_nonzero(more):
            yield _of(scopes, matches, first, query, union)
            first, more = query, each
        union = more
    yield _of(scopes, matches, first, len(matches), union)


def _of(scopes: Sequence[Scope], matches: Sequence[Bitmap], first: int, stop: int, union: Bitmap) -> _Shared:
    mine, positions = matches[first:stop], np.flatnonzero(union)
    queries = np.arange(first, stop)
    if all(each is mine[0] for each in mine):
        return _Shared(queries, positions, None, scopes[first].condition)
    return _Shared(queries, positions, np.stack([each[positions] for each in mine]), None)


def _scanned(
    part: Part, rows: SegmentRows, positions: I64, queries: I64, allowed: Bitmap | None = None
) -> tuple[F64, F64]:
    """Mean and std (n,) of the scores of rows, or of those (n, m) that each query is allowed; float64 throughout."""
    mean, std = np.zeros(len(queries)), np.zeros(len(queries))
    if len(positions) == 0:
        return mean, std
    step = max(1, HELD // len(positions))
    for first in range(0, len(queries), step):
        mine = slice(first, first + step)
        vectors = part.vectors[queries[mine]].astype(np.float64)
        scores = np.concatenate(
            [
                _products(rows.gather(positions[start : start + CHUNK]), vectors, rows.reduce)
                for start in range(0, len(positions), CHUNK)
            ]
        ).T
        if allowed is None:
            mean[mine], std[mine] = scores.mean(axis=1) + part.bias, _spread(scores)
            continue
        for place, row in enumerate(scores, first):
            kept = row[allowed[place]]
            if len(kept):
                mean[place], std[place] = float(kept.mean()) + part.bias, float(_spread(kept))
    return mean, std


def _spread(scores: F64) -> F64:
    """The standard deviation along the last axis, 0 where the scores are equal but for rounding."""
    if scores.shape[-1] < 2:
        return np.zeros(scores.shape[:-1])
    spread = scores.std(axis=-1, ddof=1)
    return np.asarray(np.where(spread > CONSTANT * np.abs(scores).max(axis=-1), spread, 0.0))


def _products(block: F32, vectors: F64, reduce: str) -> F64:
    """Scores (b, n) of items (b, rows, d) against vectors (n, d)."""
    flat = block.astype(np.float64).reshape(-1, block.shape[2])  # in three dimensions numpy makes a product a row
    every = (flat @ vectors.T).reshape(*block.shape[:2], len(vectors))
    return np.asarray(every.sum(axis=1) if reduce == "sum" else every.max(axis=1))


def _sample(view: View, field: str) -> tuple[I64, str]:
    there = np.flatnonzero(view.present(field))
    if len(there) <= SAMPLE:
        return there, ""
    chosen = np.random.default_rng(0).choice(len(there), SAMPLE, replace=False)
    return there[np.sort(chosen)], f"Calibrated {field!r} on a sample of {SAMPLE} of its {len(there)} items."

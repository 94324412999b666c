"""What probabilities over points of the sphere say: one best point, and how far from it the truth may be.

The arithmetic mean of places is no place: between Lisbon and Vancouver it lies in the sea. The best point is a mode:
where most probability lies close together, found by mean shift on the unit sphere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.spatial.globe import EARTH_KM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, I64

__all__ = ["away_km", "degrees_of", "mode", "probabilities", "radius_km"]

_STARTS = 32  # cells that the search for the mode begins in
_STEPS = 50
_STILL = 1e-9  # of the sphere's radius: 6 mm


def probabilities(scores: NDArray[np.floating], scale: float, prior: F64 | None = None) -> F64:
    """Scores (n,) -> softmax(scale * scores) float64, each point weighted by its `prior` (n,), all 1 if None."""
    top = scores.max()
    found = np.exp((scores - top) * scores.dtype.type(scale)).astype(np.float64)
    if prior is not None:
        found *= prior
    return np.asarray(found / found.sum())


def mode(vectors: F64, weights: F64, cell: I64, km: float) -> F64:
    """The point of the sphere with most weight within `km`, each counted less the farther it is (Epanechnikov).

    :param vectors: (n, 3) unit vectors of the points; `weights` (n,) theirs.
    :param cell: (n,) int64, the same for points that lie close together (`cells`): where the search begins.
    """
    mass = np.bincount(cell, weights)
    best, most = vectors[int(weights.argmax())], -1.0
    reach = (2 * np.sin(min(km / EARTH_KM, np.pi) / 2)) ** 2  # the square of a chord
    for each in np.argsort(-mass)[:_STARTS].tolist():
        if mass[each] <= most:
            break
        mine = np.flatnonzero(cell == each)
        start = _mean(vectors[mine], weights[mine], vectors[mine[weights[mine].argmax()]])
        dense = _density(vectors, weights, start, reach)
        if dense > most:
            best, most = start, dense
    for _ in range(_STEPS):
        inside = 2 - 2 * (vectors @ best) < reach
        if not inside.any():
            return best
        moved = _mean(vectors[inside], weights[inside], best)
        if np.linalg.norm(moved - best) < _STILL:
            return moved
        best = moved
    return best


def radius_km(vectors: F64, weights: F64, at: F64, coverage: float) -> float:
    """The radius in km of the smallest circle around `at` that holds this share of the weights."""
    distance = away_km(vectors, at)
    order = np.argsort(distance)
    reached = np.cumsum(weights[order])
    row = int(np.searchsorted(reached, coverage * reached[-1] * (1 - 1e-12)))
    return float(distance[order[min(row, len(order) - 1)]])


def away_km(vectors: F64, at: F64) -> F64:
    """Great-circle distances (n,) in km of unit vectors (n, 3) from one."""
    chord = np.sqrt(((vectors - at) ** 2).sum(axis=1))
    return np.asarray(2 * EARTH_KM * np.arcsin(np.clip(chord / 2, 0, 1)))


def degrees_of(at: F64) -> tuple[float, float]:
    """Latitude and longitude of a unit vector (3,)."""
    return float(np.degrees(np.arctan2(at[2], np.hypot(at[0], at[1])))), float(np.degrees(np.arctan2(at[1], at[0])))


def _mean(vectors: F64, weights: F64, otherwise: F64) -> F64:
    """The unit vector of the mean; `otherwise` where the vectors cancel out."""
    total = weights @ vectors
    size = float(np.linalg.norm(total))
    return np.asarray(total / size) if size > 1e-12 * float(weights.sum()) and size > 0 else otherwise


def _density(vectors: F64, weights: F64, at: F64, reach: float) -> float:
    near = 1 - (2 - 2 * (vectors @ at)) / reach
    return float(weights @ np.maximum(near, 0))

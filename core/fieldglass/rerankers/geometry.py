"""Which local features of two pictures agree, and how many of them on one plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import MissingExtraError

if TYPE_CHECKING:
    from fieldglass.types import F32, I64

__all__ = ["Features", "mutual_matches", "opencv", "verified"]

TRIALS = 1000
CONFIDENCE = 0.999
SCALES = (0.05, 20.0)  # of one picture to the other; a plane seen smaller or larger is a collapsed fit


@dataclass(frozen=True)
class Features:
    """Local features of one picture: points (n, 2) x, y in pixels and unit descriptors (n, d), float32."""

    points: F32
    descriptors: F32


def opencv() -> Any:
    """The module cv2. MissingExtraError where it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("Local features need OpenCV.", hint="pip install 'fieldglass[local]'") from error
    return cv2


def mutual_matches(first: Features, second: Features, ratio: float) -> I64:
    """Pairs (n, 2) of features that are each other's nearest, nearer by `ratio` than the second nearest (Lowe 2004)."""
    if len(first.points) < 2 or len(second.points) < 2:
        return np.empty((0, 2), dtype=np.int64)
    similar = first.descriptors @ second.descriptors.T
    best, back = similar.argmax(axis=1), similar.argmax(axis=0)
    rows = np.flatnonzero(back[best] == np.arange(len(best)))
    found = similar[rows, best[rows]]
    similar[rows, best[rows]] = -1.0
    near, next_near = (np.sqrt(np.maximum(2 - 2 * each, 0.0)) for each in (found, similar[rows].max(axis=1)))
    keep = near < ratio * next_near
    return np.stack([rows[keep], best[rows[keep]]], axis=1)


def verified(first: Features, second: Features, *, ratio: float, threshold: float) -> int:
    """How many matches one homography explains within `threshold` pixels; 0 where there is none. Deterministic.

    Matches count once for each place of the first picture and of the second.
    """
    pairs = mutual_matches(first, second, ratio)
    if len(pairs) < 4:
        return 0
    cv2 = opencv()
    here, there = first.points[pairs[:, 0]], second.points[pairs[:, 1]]
    plane, inside = cv2.findHomography(here, there, cv2.USAC_MAGSAC, threshold, None, TRIALS, CONFIDENCE)
    if plane is None or not _plausible(plane, here.mean(axis=0)):
        return 0
    kept = inside.ravel().astype(bool)
    return min(len(np.unique(np.round(each[kept]), axis=0)) for each in (here, there))


def _plausible(plane: Any, middle: F32) -> bool:
    """Whether the plane keeps its orientation and a size that can be believed around the middle of the matches."""
    x, y = float(middle[0]), float(middle[1])
    scale = plane[2, 0] * x + plane[2, 1] * y + plane[2, 2]
    if abs(scale) < 1e-9:
        return False
    landed = (plane[:2] @ np.array([x, y, 1.0])) / scale
    jacobian = (plane[:2, :2] - np.outer(landed, plane[2, :2])) / scale
    sizes = np.linalg.svd(jacobian, compute_uv=False)
    return bool(np.linalg.det(jacobian) > 0 and SCALES[0] < sizes[1] and sizes[0] < SCALES[1])

"""Volumes on another grid: linear along each axis for values, nearest for masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["resampled", "sheared"]


def resampled(
    values: NDArray[np.float32],
    mask: NDArray[np.bool_] | None,
    places: Sequence[NDArray[np.float64]],
    spacing: Sequence[float],
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """(D, H, W) at `places` (mm along each axis, rising) to an even grid of `spacing` mm from the first place."""
    for axis, (at, step) in enumerate(zip(places, spacing, strict=True)):
        wanted = at[0] + np.arange(int((at[-1] - at[0]) / step + 1e-6) + 1) * step
        if len(wanted) == len(at) and np.allclose(wanted, at, atol=1e-4 * step):
            continue
        above = np.clip(np.searchsorted(at, wanted, side="right"), 1, max(len(at) - 1, 1))
        below = above - 1
        above = np.minimum(above, len(at) - 1)
        width = np.maximum(at[above] - at[below], 1e-9)
        share = np.clip((wanted - at[below]) / width, 0, 1).astype(np.float32)
        values = _blend(values, below, above, share, axis)
        if mask is not None:
            mask = np.take(mask, np.where(share < 0.5, below, above), axis=axis)
    return np.ascontiguousarray(values), mask


def sheared(
    values: NDArray[np.float32], mask: NDArray[np.bool_] | None, step: tuple[float, float], outside: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Each slice moved by `step` pixels (rows, columns) more than the one below, as a tilted gantry asks for.

    What moves in from outside is masked and holds `outside`.
    """
    found = np.full_like(values, outside)
    valid = np.zeros(values.shape, dtype=bool)
    for index, unmoved in enumerate(values):
        seen = np.ones(unmoved.shape, dtype=bool) if mask is None else mask[index]
        down, seen = _moved(unmoved, seen, index * step[0], 0)
        moved, seen = _moved(down, seen, index * step[1], 1)
        found[index][seen] = moved[seen]
        valid[index] = seen
    return found, valid


def _moved(
    values: NDArray[Any], seen: NDArray[np.bool_], by: float, axis: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    size = values.shape[axis]
    wanted = np.arange(size) - by
    inside = (wanted >= 0) & (wanted <= size - 1)
    clipped = np.clip(wanted, 0, size - 1)
    below = np.minimum(clipped.astype(int), max(size - 2, 0))
    above = np.minimum(below + 1, size - 1)
    share = (clipped - below).astype(np.float32)
    shape = [1, 1]
    shape[axis] = size
    nearest = np.where(share < 0.5, below, above)
    return _blend(values, below, above, share, axis), np.take(seen, nearest, axis=axis) & inside.reshape(shape)


def _blend(
    values: NDArray[Any], below: NDArray[Any], above: NDArray[Any], share: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    shape = [1] * values.ndim
    shape[axis] = len(share)
    low, high = np.take(values, below, axis=axis), np.take(values, above, axis=axis)
    high -= low
    high *= share.reshape(shape)
    low += high
    return np.asarray(low, dtype=np.float32)

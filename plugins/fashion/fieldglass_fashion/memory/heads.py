"""Heads of a neural Turing machine (arXiv 1410.5401): where they look, what they read and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.types import F64

__all__ = ["address", "opposed", "read", "write"]

_TINY = 1e-9


def address(
    content: F64,
    key: F64,
    strength: F64,
    *,
    gate: F64 | float = 1.0,
    before: F64 | None = None,
    shift: F64 | None = None,
    sharpen: F64 | float = 1.0,
) -> F64:
    """(n, slots): how much a head looks at each slot; every row is a probability vector.

    w_c = softmax(strength cos(key, content)), w_g = gate w_c + (1 - gate) before, w_s(i) = sum_j w_g(j)
    shift(i - j), and w = w_s^sharpen / sum. `content` (n or 1, slots, d), `key` (n, d), `strength` (n,) above 0,
    `shift` (n, 3) for -1, 0, +1. Without gate, shift and sharpening it looks by content alone.
    """
    scores = np.asarray(strength)[:, None] * _cosines(content, key)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    if before is not None:
        share = np.broadcast_to(np.asarray(gate, dtype=np.float64), (len(key),))[:, None]
        weights = share * weights + (1 - share) * before
    if shift is not None:
        turned = [np.roll(weights, step, axis=1) * shift[:, [place]] for place, step in enumerate((-1, 0, 1))]
        weights = np.sum(turned, axis=0)
    power = np.broadcast_to(np.asarray(sharpen, dtype=np.float64), (len(key),))[:, None]
    # scaled by the largest, so that a high power does not turn all of them into 0
    weights = (weights / np.maximum(weights.max(axis=1, keepdims=True), _TINY)) ** power
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def write(memory: F64, weights: F64, erase: F64, add: F64) -> F64:
    """(n, slots, d): M (1 - w e^T) + w a^T. `erase` (n, d) or (n, slots, d), 0 to 1; `add` (n, d)."""
    kept = 1 - weights[:, :, None] * (erase[:, None] if erase.ndim == 2 else erase)
    return np.asarray(memory * kept + weights[:, :, None] * add[:, None])


def read(memory: F64, weights: F64) -> F64:
    """(n, d): M^T w."""
    return np.asarray(np.einsum("nsd,ns->nd", memory, weights))


def opposed(memory: F64, add: F64) -> F64:
    """(n, slots), 0 to 1: how much what is to be written contradicts what a slot holds, -cos where that is positive."""
    return np.asarray(np.maximum(-_cosines(memory, add), 0.0))


def _cosines(content: F64, key: F64) -> F64:
    norms = np.linalg.norm(content, axis=2) * np.linalg.norm(key, axis=1)[:, None]
    return np.asarray((content * key[:, None]).sum(axis=2) / np.maximum(norms, _TINY))

"""Embedding-like vectors: a seeded non-linear manifold of 24 dimensions in a space of many, and queries of two kinds.

Real embeddings fill few of their dimensions, unevenly, and share a mean; pictures lie on the manifold,
sentences lie beside it (the modality gap), so that even the best hit of a text has a low similarity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Manifold"]

BLOCK = 65_536
HIDDEN = 256
NOISE = 0.35  # length of the part off the manifold, of a unit row
GAP = 0.25  # cosine of a text with the picture it describes


@dataclass(frozen=True)
class Manifold:
    """`rows(n)` and queries of the same seed speak of the same manifold."""

    dim: int = 512
    intrinsic: int = 24
    seed: int = 0

    def blocks(self, count: int, stream: int = 0) -> Iterator[np.ndarray]:
        """(<= 65 536, dim) float32 unit rows, `count` in all, the same for the same stream."""
        for number, start in enumerate(range(0, count, BLOCK)):
            random = np.random.default_rng([self.seed, 1, stream, number])
            yield self._points(min(BLOCK, count - start), random)

    def rows(self, count: int, stream: int = 0) -> np.ndarray:
        """(count, dim) float32 unit rows."""
        return np.concatenate(list(self.blocks(count, stream)))

    def pictures(self, count: int) -> np.ndarray:
        """(count, dim) unit queries: points of the manifold that are in no gallery."""
        return self.rows(count, stream=1)

    def texts(self, count: int) -> np.ndarray:
        """(count, dim) unit queries beside the manifold: a shared gap, an own offset, and a little of a picture."""
        random = np.random.default_rng([self.seed, 2])
        gap = random.standard_normal(self.dim)
        offset = random.standard_normal((count, self.dim))
        beside = _unit(_unit(gap[None]) + 0.7 * _unit(offset))
        mixed = GAP * self.rows(count, stream=2) + np.sqrt(1 - GAP**2) * beside
        return np.ascontiguousarray(_unit(mixed), dtype=np.float32)

    def _points(self, count: int, random: np.random.Generator) -> np.ndarray:
        fixed = np.random.default_rng([self.seed, 0])
        first = fixed.standard_normal((self.intrinsic, HIDDEN)).astype(np.float32)
        first *= np.float32(1.5 / np.sqrt(self.intrinsic))
        shift = fixed.standard_normal(HIDDEN).astype(np.float32) * np.float32(0.5)
        second = fixed.standard_normal((HIDDEN, self.dim)).astype(np.float32)
        mean = fixed.standard_normal(self.dim).astype(np.float32)
        inner = random.standard_normal((count, self.intrinsic), dtype=np.float32)
        outer = _unit(np.tanh(inner @ first + shift) @ second)
        noise = _unit(random.standard_normal((count, self.dim), dtype=np.float32))
        return _unit(outer + np.float32(0.4) * _unit(mean[None]) + np.float32(NOISE) * noise)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)

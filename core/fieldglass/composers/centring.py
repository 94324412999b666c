"""What BASIC knows of an encoder and of a gallery before any query comes: directions, means, least similarities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from fieldglass.composers.vocabulary import word_vectors
from fieldglass.encoders import as_text

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, F64, GalleryView

__all__ = ["Least", "Space", "eigenspace", "least_of", "space_of"]

DIRECTIONS = 250
EVERYWHERE = 1e-5  # added to every entry of the contrast matrix, as the authors do
PROBED = 64  # words whose nearest items stand for pictures of anything

T = TypeVar("T")

_SPACES: WeakKeyDictionary[Encoder, dict[object, Space]] = WeakKeyDictionary()
_LEAST: WeakKeyDictionary[GalleryView, dict[object, Least]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Space:
    """`mean` (d,) of the subjects' vectors and `directions` (d, m), orthonormal, in which subjects differ."""

    mean: F64
    directions: F64

    def project(self, rows: F64) -> F64:
        """(n, d) -> (n, d), by products of float32, which is what the rows come from."""
        return np.asarray(rows.astype(np.float32) @ self._projection, dtype=np.float64)

    @cached_property
    def _projection(self) -> F32:
        return np.asarray(self.directions @ self.directions.T, dtype=np.float32)


@dataclass(frozen=True)
class Least:
    """The least similarity between two pictures of anything, and between a word and a picture, all centred."""

    image: float
    text: float


def space_of(encoder: Encoder, subjects: Sequence[str], styles: Sequence[str], share: float) -> Space:
    """Made once for an encoder: its words are encoded, their contrast decomposed."""

    def make() -> Space:
        kinds = word_vectors(subjects, encoder).astype(np.float64)
        manners = word_vectors(styles, encoder).astype(np.float64)
        mean = kinds.mean(axis=0)
        return Space(mean, eigenspace(kinds - mean, manners - mean, share))

    key = (tuple(subjects), tuple(styles), share)
    return _once(_SPACES.setdefault(encoder, {}), key, make)


def eigenspace(subjects: F64, styles: F64, share: float) -> F64:
    """Centred rows -> (d, m): eigenvectors of (1 - share) S+ - share S- whose eigenvalue is above 0, at most 250."""
    kept = subjects.T @ subjects / max(len(subjects) - 1, 1)
    dropped = styles.T @ styles / max(len(styles) - 1, 1)
    values, vectors = np.linalg.eigh((1 - share) * kept - share * dropped + EVERYWHERE)
    best = np.argsort(-values)[:DIRECTIONS]
    return np.asarray(vectors[:, best[values[best] > 0]])


def least_of(gallery: GalleryView, field: str, encoder: Encoder, space: Space, words: Sequence[str]) -> Least:
    """Made once for a gallery: some words' nearest items, compared with each other and with the words."""

    def make() -> Least:
        vectors = word_vectors(words, encoder)[:: max(len(words) // PROBED, 1)]
        near = [ranking.positions for ranking in gallery.neighbours(field, vectors, 1)]
        positions = np.unique(np.concatenate(near)) if near else np.empty(0, dtype=np.int64)
        moments = gallery.moments(field)
        stored = gallery.vectors(field, positions)
        rows = stored.mean(axis=1).astype(np.float64) - moments.mean
        if not len(rows):
            return Least(0.0, 0.0)
        shown = as_text(encoder, stored).astype(np.float64) - moments.mean
        between = space.project(shown) @ rows.T
        across = (vectors - space.mean) @ rows.T
        return Least(float(between.min()), float(across.min()))

    return _once(_LEAST.setdefault(gallery, {}), (field, encoder.fingerprint, space), make)


def _once(known: dict[object, T], key: object, make: Callable[[], T]) -> T:
    if key not in known:
        known[key] = make()
    return known[key]

"""What the recipe `geo/geoclip` learns from: photos as cached vectors, and where they were taken."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import fieldglass
from fieldglass.encoders import capabilities
from fieldglass.errors import UsageError
from fieldglass.spatial.globe import EARTH_KM
from fieldglass.training.features import picture_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, F64, I64

__all__ = ["Examples", "examples", "held_apart", "neighbours", "on_sphere"]

_CELL = 0.01  # degrees, about 1 km: photos of one spot are held apart together


@dataclass(frozen=True)
class Examples:
    """n photos: vectors (n, d) float32 as the encoder gives them before normalisation where it can; places (n, 2)
    float64 latitude, longitude; the encoder's fingerprint and name; `without` items had no position."""

    vectors: F32
    places: F64
    encoder: str
    name: str
    without: int

    @property
    def digest(self) -> str:
        """sha256 of vectors and places."""
        found = hashlib.sha256(np.ascontiguousarray(self.vectors).tobytes())
        found.update(np.ascontiguousarray(self.places).tobytes())
        return found.hexdigest()


def examples(collection: str) -> Examples:
    """The photos of a collection that have the columns lat and lon. Vectors are computed once, then cached.

    UsageError where no two have a position.
    """
    with fieldglass.open(collection) as opened:
        view, encoder = opened.engine.view(), opened.encoder
        if "images" not in capabilities(encoder):
            raise UsageError(f"geo/geoclip learns from photos, and {encoder.name} encodes none.")
        live = opened.store.snapshot().live_positions()
        places = view.numbers(["lat", "lon"])[live]
        there = np.isfinite(places).all(axis=1) & (np.abs(places[:, 0]) <= 90) & (np.abs(places[:, 1]) <= 180)
        if there.sum() < 2:
            raise UsageError(
                f"{collection}: {int(there.sum())} of {len(live)} items have a position (columns lat and lon).",
                hint="Photos with EXIF positions get them when they are indexed; `fieldglass annotate` adds a table's.",
            )
        vectors = picture_features(opened, view.ids(live[there]))
        return Examples(vectors, places[there], encoder.fingerprint, encoder.name, int((~there).sum()))


def held_apart(places: F64, share: float, seed: int) -> tuple[I64, I64]:
    """Rows to train on and rows to validate on; photos within the same hundredth of a degree stay together."""
    _, cells = np.unique(np.floor(places / _CELL), axis=0, return_inverse=True)
    order = np.random.default_rng(seed).permutation(int(cells.max()) + 1)
    count = round(share * len(order))
    apart = np.isin(cells, order[:count])
    return np.flatnonzero(~apart), np.flatnonzero(apart)


def on_sphere(places: NDArray[np.floating]) -> F32:
    """(n, 2) latitude, longitude in degrees -> (n, 3) float32 on the unit sphere."""
    phi, lam = np.radians(places[:, 0]), np.radians(places[:, 1])
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1).astype(np.float32)


def neighbours(places: F64, count: int, beyond_km: float) -> I64:
    """(n, count) rows of the nearest other photos that lie `beyond_km` away at least; -1 where there are too few."""
    import faiss

    points = on_sphere(places)
    index = faiss.IndexFlatL2(3)
    index.add(points)
    wide = min(len(points), 4 * count + 1)
    squared, rows = index.search(points, wide)
    chord = 2 * np.sin(min(beyond_km / EARTH_KM, np.pi) / 2)
    right = (rows != np.arange(len(points))[:, None]) & (squared >= chord**2)
    found = np.full((len(points), count), -1, dtype=np.int64)
    for row in range(len(points)):
        near = rows[row, right[row]][:count]
        found[row, : len(near)] = near
    return found

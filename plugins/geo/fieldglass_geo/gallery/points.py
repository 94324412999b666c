"""Points on the globe with their multiplicity: merged where they are the same, thinned where they are close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.spatial.globe import EARTH_KM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, I64

__all__ = ["Points", "merged", "thinned", "unit_vectors"]

_DIGITS = 7  # decimals of a degree, 1 cm: what agrees in them is one point


@dataclass(frozen=True)
class Points:
    """`lat`, `lon` (n,) float64 in degrees, longitude in [-180, 180); `count` (n,) int64; other cells by column."""

    lat: F64
    lon: F64
    count: I64
    cells: tuple[Mapping[str, Any], ...]

    def __len__(self) -> int:
        return len(self.lat)

    def take(self, rows: I64, count: I64) -> Points:
        """Some of them, with new counts."""
        return Points(self.lat[rows], self.lon[rows], count, tuple(self.cells[row] for row in rows))


def merged(points: Points) -> Points:
    """Each distinct point once, in the order of its first row, with the sum of the counts; the first row's cells."""
    keys = np.stack([points.lat, points.lon], axis=1)
    keys = np.round(keys * 10**_DIGITS).astype(np.int64)
    keys[np.abs(keys[:, 0]) == 90 * 10**_DIGITS, 1] = 0  # a pole has every longitude
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    count = np.zeros(len(first), dtype=np.int64)
    np.add.at(count, inverse.reshape(-1), points.count)
    return points.take(first[order], count[order])


def thinned(points: Points, km: float) -> Points:
    """No two closer than `km`: where several are, the one with the highest count stays, then the earlier one.

    What goes adds its count to the nearest that stays. The order is kept.
    """
    vectors = unit_vectors(points.lat, points.lon)
    chord = 2 * np.sin(min(km / EARTH_KM, np.pi) / 2)
    cells = np.floor(vectors / chord).astype(np.int64).tolist()
    kept: dict[tuple[int, ...], list[int]] = {}
    count = points.count.copy()
    stays = np.ones(len(points), dtype=np.bool_)
    around = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
    for row in np.argsort(-points.count, kind="stable").tolist():
        x, y, z = cells[row]
        near = [other for dx, dy, dz in around for other in kept.get((x + dx, y + dy, z + dz), ())]
        if near:
            away = np.linalg.norm(vectors[near] - vectors[row], axis=1)
            nearest = int(away.argmin())
            if away[nearest] < chord:
                stays[row] = False
                count[near[nearest]] += points.count[row]
                continue
        kept.setdefault((x, y, z), []).append(row)
    rows = np.flatnonzero(stays)
    return points.take(rows, count[rows])


def unit_vectors(lat: F64, lon: F64) -> NDArray[np.float64]:
    """(n,) degrees -> (n, 3) float64 of unit length, the axis of the Earth being z."""
    phi, away = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(phi) * np.cos(away), np.cos(phi) * np.sin(away), np.sin(phi)], axis=1)

"""An area as a grid of cells that are inside, outside or on its edge, so that few items need its exact shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.spatial.shapes import Geometry, load_shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, Bitmap

__all__ = ["Raster"]

_LEVELS = 7  # 128 x 128 cells: found in some ms, and few items of a large archive lie on an edge cell
_ROOM = 1e-9  # degrees by which a cell counts as larger than it is: rounding must not lose an item


class Raster:
    """The bounds of a geometry as 128 x 128 cells, each wholly inside, wholly outside, or neither.

    Found by quartering what is neither. Sums over the cells (a summed-area table) say it for any box.
    """

    def __init__(self, geometry: Geometry) -> None:
        shapely = load_shapely()
        shapely.prepare(geometry)
        self.geometry = geometry
        self.west, self.south, self.east, self.north = (float(each) for each in shapely.bounds(geometry))
        self._box = bool(shapely.equals(geometry, shapely.box(*shapely.bounds(geometry))))
        if self._box:
            return
        size = 1 << _LEVELS
        self._across = max(self.east - self.west, _ROOM) / size
        self._up = max(self.north - self.south, _ROOM) / size
        inside = np.zeros((size, size), dtype=np.int64)
        outside = np.zeros((size, size), dtype=np.int64)
        columns, rows = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        for level in range(_LEVELS + 1):
            width = size >> level
            cells = self._boxes(columns, rows, width)
            within = shapely.contains_properly(geometry, cells)
            apart = shapely.disjoint(geometry, cells)
            for table, found in ((inside, within), (outside, apart)):
                _fill(table, columns[found], rows[found], width)
            edge = ~(within | apart)
            columns, rows = columns[edge], rows[edge]
            if level < _LEVELS:
                half = width // 2
                columns = np.concatenate([columns, columns + half, columns, columns + half])
                rows = np.concatenate([rows, rows, rows + half, rows + half])
        self._inside, self._outside = _sums(inside), _sums(outside)

    def judge(self, west: F64, south: F64, east: F64, north: F64) -> tuple[Bitmap, Bitmap]:
        """Boxes that are surely inside, and boxes that surely are not met; both False where the shape must decide."""
        contained = (west >= self.west) & (east <= self.east) & (south >= self.south) & (north <= self.north)
        if self._box:
            return contained, np.zeros(len(west), dtype=np.bool_)
        left, right = self._column(west), self._column(east)
        low, high = self._row(south), self._row(north)
        count = (right - left + 1) * (high - low + 1)
        inside = contained & (_counted(self._inside, left, right, low, high) == count)
        outside = _counted(self._outside, left, right, low, high) == count
        return inside, outside

    def _boxes(self, columns: NDArray[np.int64], rows: NDArray[np.int64], width: int) -> NDArray[np.object_]:
        west = self.west + columns * self._across
        south = self.south + rows * self._up
        east, north = west + width * self._across, south + width * self._up
        boxes: NDArray[np.object_] = load_shapely().box(west - _ROOM, south - _ROOM, east + _ROOM, north + _ROOM)
        return boxes

    def _column(self, longitude: F64) -> NDArray[np.int64]:
        return _cell((longitude - self.west) / self._across)

    def _row(self, latitude: F64) -> NDArray[np.int64]:
        return _cell((latitude - self.south) / self._up)


def _cell(place: F64) -> NDArray[np.int64]:
    return np.clip(place, 0, (1 << _LEVELS) - 1).astype(np.int64)


def _fill(table: NDArray[np.int64], columns: NDArray[np.int64], rows: NDArray[np.int64], width: int) -> None:
    for column, row in zip(columns.tolist(), rows.tolist(), strict=True):
        table[row : row + width, column : column + width] = 1


def _sums(table: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.pad(table.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))).astype(np.int64)


def _counted(
    sums: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> NDArray[np.int64]:
    return sums[high + 1, right + 1] - sums[low, right + 1] - sums[high + 1, left] + sums[low, left]

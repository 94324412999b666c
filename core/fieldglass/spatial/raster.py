"""An area as a grid of cells that are inside, outside or on its edge, so that few items need its exact shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.spatial.shapes import Geometry, load_shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, Bitmap

__all__ = ["Raster"]

_SIZE = 512  # cells on a side: found in some ms, and few items of a large archive lie on an edge cell
_BOX = 64  # corners; what has more is not asked whether it is a box
_POLYGON = 3  # the type of a polygon in shapely
_ROOM = 1e-9  # degrees by which a cell counts as larger than it is: rounding must not lose an item


class Raster:
    """The bounds of a geometry as 512 x 512 cells, each wholly inside, wholly outside, or neither.

    A cell that no edge passes is one or the other: a point of each run of them in a row tells. Sums over the cells
    (a summed-area table) say it for any box.
    """

    def __init__(self, geometry: Geometry) -> None:
        shapely = load_shapely()
        shapely.prepare(geometry)
        self.geometry = geometry
        self.west, self.south, self.east, self.north = (float(each) for each in shapely.bounds(geometry))
        small = int(shapely.get_num_coordinates(geometry)) <= _BOX
        self._box = small and bool(shapely.equals(geometry, shapely.box(*shapely.bounds(geometry))))
        if self._box:
            return
        self._across = max((self.east - self.west) / _SIZE, 4 * _ROOM)
        self._up = max((self.north - self.south) / _SIZE, 4 * _ROOM)
        edge = self._edges()
        inside = ~edge & self._within(edge)
        self._inside, self._outside = _sums(inside), _sums(~edge & ~inside)

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

    def _edges(self) -> Bitmap:
        """(rows, columns) bool: the cells that a line of the geometry may touch."""
        shapely = load_shapely()
        parts = shapely.get_parts(shapely.get_parts(self.geometry))  # twice: a collection holds multipolygons
        polygons = shapely.get_type_id(parts) == _POLYGON
        lines = np.concatenate([shapely.get_rings(parts[polygons]), parts[~polygons]])
        points, line = shapely.get_coordinates(lines, return_index=True)
        cells = (points - [self.west, self.south]) / [self._across, self._up]
        steps = np.where((np.diff(line) == 0)[:, None], np.diff(cells, axis=0), 0.0)
        count = 1 + np.floor(2 * np.abs(steps).max(axis=1, initial=0)).astype(np.int64)  # pieces of half a cell
        at = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        first = np.repeat(cells[:-1], count, axis=0)
        step = np.repeat(steps / count[:, None], count, axis=0)
        start = np.concatenate([first + step * at[:, None], cells])
        stop = np.concatenate([first + step * (at[:, None] + 1), cells])
        room = _ROOM / np.array([self._across, self._up])
        found = np.zeros((_SIZE, _SIZE), dtype=np.bool_)
        low, high = np.minimum(start, stop) - room, np.maximum(start, stop) + room
        for columns in (_cell(low[:, 0]), _cell(high[:, 0])):
            for rows in (_cell(low[:, 1]), _cell(high[:, 1])):
                found[rows, columns] = True
        return found

    def _within(self, edge: Bitmap) -> Bitmap:
        """(rows, columns) bool: whether the middle of a cell is inside, asked once a run of cells without an edge."""
        first = np.ones_like(edge)
        first[:, 1:] = edge[:, 1:] != edge[:, :-1]
        rows, columns = np.nonzero(first)
        x = self.west + (columns + 0.5) * self._across
        y = self.south + (rows + 0.5) * self._up
        told = np.asarray(load_shapely().intersects_xy(self.geometry, x, y))
        run = np.cumsum(first.ravel()) - 1
        return np.asarray(told[run].reshape(edge.shape))

    def _column(self, longitude: F64) -> NDArray[np.int64]:
        return _cell((longitude - self.west) / self._across)

    def _row(self, latitude: F64) -> NDArray[np.int64]:
        return _cell((latitude - self.south) / self._up)


def _cell(place: F64) -> NDArray[np.int64]:
    return np.clip(place, 0, _SIZE - 1).astype(np.int64)


def _sums(table: Bitmap) -> NDArray[np.int32]:
    found = np.zeros((_SIZE + 1, _SIZE + 1), dtype=np.int32)
    np.cumsum(np.cumsum(table, axis=0, dtype=np.int32), axis=1, out=found[1:, 1:])
    return found


def _counted(
    sums: NDArray[np.int32],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> NDArray[np.int32]:
    return sums[high + 1, right + 1] - sums[low, right + 1] - sums[high + 1, left] + sums[low, left]

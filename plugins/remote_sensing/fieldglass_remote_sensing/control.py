"""From ground control points to a mapping of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Lattice", "control_points", "mapping_of"]

_GRID = 9  # points a side that stand for rational polynomials

Mapped = Callable[["NDArray[Any]", "NDArray[Any]"], tuple[Any, Any]]


class Lattice:
    """Values on a rectangular grid of (rows, columns), bilinear between them and linear beyond.

    :param values: (rows, columns, n).
    """

    def __init__(self, rows: NDArray[np.float64], columns: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        self.rows, self.columns, self.values = rows, columns, values

    def __call__(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
        """(...) rows and columns -> (..., n)."""
        r, dr = _cell(self.rows, np.asarray(rows, dtype=np.float64))
        c, dc = _cell(self.columns, np.asarray(columns, dtype=np.float64))
        dr, dc, v = dr[..., None], dc[..., None], self.values
        top = v[r, c] * (1 - dc) + v[r, c + 1] * dc
        low = v[r + 1, c] * (1 - dc) + v[r + 1, c + 1] * dc
        return np.asarray(top * (1 - dr) + low * dr)


def control_points(raster: Any) -> tuple[Sequence[Any], Any]:
    """Ground control points and their CRS; of rational polynomials alone, points at their mean height."""
    points, crs = raster.gcps
    if points or raster.rpcs is None:
        return points, crs
    from rasterio.control import GroundControlPoint
    from rasterio.crs import CRS
    from rasterio.transform import RPCTransformer

    rows, columns = (
        each.ravel().tolist()
        for each in np.meshgrid(
            np.linspace(0, raster.height, _GRID), np.linspace(0, raster.width, _GRID), indexing="ij"
        )
    )
    heights = [float(raster.rpcs.height_off)] * len(rows)
    with RPCTransformer(raster.rpcs) as transformer:
        lons, lats = transformer.xy(rows, columns, zs=heights, offset="ul")
    found = [GroundControlPoint(*each, 0.0) for each in zip(rows, columns, lons, lats, strict=True)]
    return found, CRS.from_epsg(4326)


def mapping_of(gcps: Sequence[tuple[float, float, float, float]]) -> Mapped:
    """(row, column, x, y) points -> (columns, rows) to (x, y).

    Points on a rectangular grid, as Sentinel-1 has them, are interpolated in it; others give the affine mapping
    of least squares. Longitudes that jump at the 180th meridian are unwrapped.
    """
    table = np.array(gcps, dtype=np.float64)
    if np.ptp(table[:, 2]) > 180 and np.abs(table[:, 2]).max() <= 360:
        table[:, 2] = np.where(table[:, 2] < 0, table[:, 2] + 360, table[:, 2])
    rows, columns = np.unique(table[:, 0]), np.unique(table[:, 1])
    if len(rows) >= 2 and len(columns) >= 2 and len(rows) * len(columns) == len(table):
        order = np.lexsort((table[:, 1], table[:, 0]))
        lattice = Lattice(rows, columns, table[order, 2:].reshape(len(rows), len(columns), 2))

        def from_lattice(cols: NDArray[Any], rws: NDArray[Any]) -> tuple[Any, Any]:
            found = lattice(rws, cols)
            return found[..., 0], found[..., 1]

        return from_lattice
    terms = np.column_stack([table[:, 1], table[:, 0], np.ones(len(table))])
    (ax, bx, cx), (ay, by, cy) = np.linalg.lstsq(terms, table[:, 2:], rcond=None)[0].T

    def from_affine(cols: NDArray[Any], rws: NDArray[Any]) -> tuple[Any, Any]:
        return ax * cols + bx * rws + cx, ay * cols + by * rws + cy

    return from_affine


def _cell(knots: NDArray[np.float64], at: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    place = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    return place, (at - knots[place]) / (knots[place + 1] - knots[place])

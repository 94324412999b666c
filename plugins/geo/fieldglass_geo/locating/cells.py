"""Cells of about the same area all over the globe, to sum what lies close together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass.spatial.globe import EARTH_KM

if TYPE_CHECKING:
    from fieldglass.types import F64, I64

__all__ = ["cells"]


def cells(lat: F64, lon: F64, km: float) -> I64:
    """(n,) degrees -> (n,) int64 in 0..m-1: the same number for points of one cell, some `km` wide and high."""
    step = np.degrees(km / EARTH_KM)
    row = np.floor((lat + 90) / step)
    around = np.maximum(1, np.rint(360 * np.cos(np.radians((row + 0.5) * step - 90)) / step))
    column = np.floor((lon + 180) % 360 / 360 * around)
    _, number = np.unique(row * 1e7 + column, return_inverse=True)
    return np.asarray(number.reshape(-1), dtype=np.int64)

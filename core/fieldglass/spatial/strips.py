"""Boxes sorted into strips of latitude, and by longitude within each: few of them are looked at for an area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.types import F64, I64

__all__ = ["Strips"]

_HEIGHT = 2.0  # degrees of latitude
_WIDTH = 4.0  # degrees: items wider or higher than a strip are few, and are looked at every time
_TURN = 1024.0  # more than the longitudes of a strip, -180 to 540, take


class Strips:
    """An index of boxes (n,) by the corner south-west; built by one sort. NaN boxes are never met."""

    def __init__(self, west: F64, south: F64, east: F64, north: F64) -> None:
        with np.errstate(invalid="ignore"):
            small = (east - west <= _WIDTH) & (north - south <= _HEIGHT)
            self._large = np.flatnonzero(~small & (south <= north))
        within = np.flatnonzero(small)
        keys = _strip(south[within]) * _TURN + west[within] + 180
        order = np.argsort(keys)
        self._keys, self._order = keys[order], within[order]
        sides = (west, south, east, north)
        self._bounds = tuple(each[self._order] for each in sides)  # in this order, so that a strip is read in one go
        self._large_bounds = tuple(each[self._large] for each in sides)

    def within(self, west: float, south: float, east: float, north: float, *, around: bool = False) -> I64:
        """The boxes that meet these bounds, unsorted; `around` takes every longitude."""
        strips = np.arange(float(_strip(south - _HEIGHT)), float(_strip(north)) + 1) * _TURN
        first, last = (0.0, _TURN - 1) if around else (west - _WIDTH + 180, east + 180)
        low = np.searchsorted(self._keys, strips + np.clip(first, 0, _TURN - 1), side="left")
        high = np.searchsorted(self._keys, strips + np.clip(last, -1, _TURN - 1), side="right")
        runs = [slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True) if b > a]
        positions = np.concatenate([self._large, *(self._order[run] for run in runs)])
        own_west, own_south, own_east, own_north = (
            np.concatenate([wide, *(each[run] for run in runs)])
            for wide, each in zip(self._large_bounds, self._bounds, strict=True)
        )
        met = (own_south <= north) & (own_north >= south)
        if not around:
            met &= (own_west <= east) & (own_east >= west)
        found: I64 = positions[met]
        return found


def _strip(latitude: F64 | float) -> F64:
    return np.floor((np.asarray(latitude, dtype=np.float64) + 90) / _HEIGHT)

"""Filters by place over a million points and a million footprints: milliseconds warm, and what reading places costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import shapely

from benchmarks.table import Row
from fieldglass.spatial import Area, Near, box
from fieldglass.spatial.places import places_of

_ISLANDS = "land of 12 000 corners and 41 parts"
_LAND = 150  # ms: the bar of an area with the detail of a country's outline


class Gallery:
    """Places all over the globe; a footprint is a box of 2 km."""

    def __init__(self, size: int, *, footprints: bool) -> None:
        random = np.random.default_rng(0)
        self.size = size
        lat = np.degrees(np.arcsin(random.uniform(-0.99, 0.99, size)))
        lon = random.uniform(-179, 179, size)
        none = np.full(size, np.nan)
        bounds = (lon, lat, lon + 0.02, lat + 0.02) if footprints else (none,) * 4
        self._numbers = np.stack([*bounds, lat, lon], axis=1)

    def numbers(self, columns: list[str]) -> np.ndarray:
        return self._numbers

    def metadata(self, positions: np.ndarray) -> list[dict[str, Any]]:
        return [{"footprint": shapely.box(*self._numbers[at, :4]).wkt} for at in positions]


def rows(quick: bool) -> Iterator[Row]:
    size = 100_000 if quick else 1_000_000
    for kind, bar in (("points", 60), ("footprints", 50)):
        gallery = Gallery(size, footprints=kind == "footprints")
        start = time.perf_counter()
        places_of(gallery)
        built = 1000 * (time.perf_counter() - start)
        yield Row(f"order {size:,} {kind}, once a snapshot", "-", f"{built:.0f} ms", None)
        for what, make in _FILTERS.items():
            spent, count = _measure(gallery, make)
            most = _LAND if make is _FILTERS[_ISLANDS] else bar
            yield Row(
                f"{what} over {size:,} {kind}", f"< {most} ms", f"{spent:.1f} ms", spent < most, f"{count:,} hits"
            )


def _measure(gallery: Gallery, make: Callable[[], Any]) -> tuple[float, int]:
    """The median of seven, each with a new filter."""
    spent = []
    for _ in range(7):
        start = time.perf_counter()
        found = make().bitmap(gallery)
        spent.append(1000 * (time.perf_counter() - start))
    return float(np.median(spent)), int(found.sum())


def _country() -> Any:
    """A ragged outline of 2000 corners, 40 degrees across."""
    random = np.random.default_rng(1)
    angles = np.sort(random.uniform(0, 2 * np.pi, 2000))
    radius = 20 + 2 * np.sin(9 * angles) + random.uniform(0, 0.3, 2000)
    return shapely.Polygon(np.array([10, 45]) + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def _islands() -> Any:
    """A land of 12 000 corners with forty islands, 30 degrees across."""
    random = np.random.default_rng(2)
    rings = []
    for number, corners in enumerate([8000, *[100] * 40]):
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        size = 10 if number == 0 else 0.5
        radius = size * (1 + 0.1 * np.sin(11 * angles) + random.uniform(0, 0.01, corners))
        turn = 2 * np.pi * number / 40
        middle = np.array([20, 20]) + (0 if number == 0 else 13) * np.array([np.cos(turn), np.sin(turn)])
        rings.append(shapely.Polygon(middle + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    return shapely.MultiPolygon(rings)


_FILTERS: dict[str, Callable[[], Any]] = {
    "box": lambda: box(-10, 30, 30, 60),
    "box across the antimeridian": lambda: box(170, -60, -170, 60),
    "polygon of 2000 corners": lambda: Area(_country()),
    _ISLANDS: lambda: Area(_islands()),
    "radius of 500 km": lambda: Near(48, 16, 500),
}

"""How far what was found lies from the true place: shares within distances, GeoScore."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldglass.evaluation.tally import Tally

__all__ = ["GEOSCORE_KM", "add_within", "geoscore"]

GEOSCORE_KM = 1492.7  # where 5000 points have fallen to 5000 / e, on a map of the world (OpenStreetView-5M)


def geoscore(km: float) -> float:
    """5000 exp(-km / 1492.7): 5000 for the place itself. 0 where nothing was found (NaN)."""
    return 0.0 if math.isnan(km) else 5000.0 * math.exp(-km / GEOSCORE_KM)


def add_within(tally: Tally, query: str, km: float, bounds: Mapping[str, float]) -> None:
    """For each metric 1 where `km` is at most its bound in km, the bound included, else 0; NaN is within none."""
    for metric, bound in bounds.items():
        tally.add(metric, query, float(km <= bound))

"""What lies near a place, nearest first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.asking import outlines_of
from fieldglass.result import Asked, Hit, SearchResult
from fieldglass.spatial import Near
from fieldglass.spatial.globe import distance_km
from fieldglass.types import All
from fieldglass_geo.locating.middles import middles

if TYPE_CHECKING:
    from fieldglass.collection import Collection

__all__ = ["nearby"]


def nearby(
    collection: Collection, lat: float, lon: float, km: float, *, where: str | None = None, k: int = 100
) -> SearchResult:
    """The `k` items nearest to a place in degrees, of which some part lies within `km`.

    The column `distance_km` of a hit is that of the middle of its footprint; its score is the negative of it.
    `matched` counts all that lie there. FilterError where no item has a place.
    """
    started = time.perf_counter()
    view = collection.engine.view()
    circle = Near(lat, lon, km)
    asked_for = All((circle,) if where is None else (circle, where))
    rows = np.flatnonzero(asked_for.bitmap(view) & view.snapshot.alive)
    lats, lons = middles(view)
    away = distance_km(lat, lon, lats[rows], lons[rows])
    order = np.argsort(away, kind="stable")[:k]
    positions = rows[order]
    items = view.snapshot.items(positions)
    found = zip(view.ids(positions), away[order], positions, view.metadata(positions), items, strict=True)
    hits = tuple(
        Hit(rank, id, -float(far), source.name, {**cells, "distance_km": float(far)}, int(position), view.snapshot)
        for rank, (id, far, position, cells, (source, _)) in enumerate(found, 1)
    )
    return SearchResult(
        hits,
        collection=str(collection.path),
        encoder=collection.field.encoder,
        composer="near",
        exact=True,
        elapsed_ms={"total": 1000 * (time.perf_counter() - started)},
        matched=len(rows),
        asked=Asked(place=(lat, lon), where=str(asked_for), outlines=outlines_of(asked_for)),
    )

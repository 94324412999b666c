"""What a gallery holds, in a few numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass_geo.gallery.points import unit_vectors
from fieldglass_geo.locating.middles import middles
from fieldglass_geo.locating.spread import away_km

if TYPE_CHECKING:
    from fieldglass.collection import Collection

__all__ = ["summary"]

_ASKED = 200  # places whose nearest neighbour is looked for


def summary(collection: Collection) -> dict[str, Any]:
    """JSON-able: places, bounds in degrees, median distance to the nearest other place, encoder, sources."""
    view = collection.engine.view()
    lat, lon = middles(view)
    there = np.flatnonzero(np.isfinite(lat))
    vectors = unit_vectors(lat[there], lon[there])
    chosen = np.unique(np.linspace(0, len(there) - 1, _ASKED).astype(np.int64))
    nearest = [float(np.partition(away_km(vectors, vectors[row]), 1)[1]) for row in chosen] if len(there) > 1 else []
    count = view.numbers(["count"])[there, 0]
    found = collection.info()
    return {
        "places": len(there),
        "rows in the source": int(np.nansum(np.where(np.isnan(count), 1, count))),
        "latitude": f"{lat[there].min():.4f} to {lat[there].max():.4f}",
        "longitude": f"{lon[there].min():.4f} to {lon[there].max():.4f}",
        "km to the nearest, median": round(float(np.median(nearest)), 3) if nearest else None,
        "encoder": found["encoder"],
        "dim": found["dim"],
        "bytes": found["bytes"],
        "problems": found["problems"],
        "sources": ", ".join(f"{each['loader']} {each['root']}" for each in found["sources"].values()),
    }

"""Search results of hits with places, without a collection."""

from __future__ import annotations

import io

from PIL import Image

from fieldglass.result import Hit, SearchResult

TILE = "POLYGON ((4 52, 4.1 52.002, 4.098 52.06, 3.998 52.058, 4 52))"
ACROSS = "MULTIPOLYGON (((179 -18, 180 -18, 180 -16, 179 -16, 179 -18)), ((-180 -18, -179 -18, -179 -16, -180 -16, -180 -18)))"  # noqa: E501
ROWS = (
    {"lat": 48.2, "lon": 16.4, "cloud": 3.5},
    {"west": 3.998, "south": 52.0, "east": 4.1, "north": 52.06, "footprint": TILE, "sensor": "Sentinel-2"},
    {"west": 179.0, "south": -18.0, "east": -179.0, "north": -16.0, "footprint": ACROSS},
    {"lat": -33.87, "lon": 151.2, "uncertainty_km": 800.0},
    {"sensor": "nowhere </script><b>&"},
)


class Shelf:
    """Every preview is a green square."""

    def thumbnail(self, position):
        file = io.BytesIO()
        Image.new("RGB", (32, 32), (0, 160, 0)).save(file, "WEBP", lossless=True)
        return file.getvalue()

    def items(self, positions):
        raise NotImplementedError


def placed(rows=ROWS, shelf=True):
    hits = tuple(
        Hit(rank, f"scene {rank}.tif", 1 - rank / 10, "scenes", cells, rank, Shelf() if shelf else None)
        for rank, cells in enumerate(rows, 1)
    )
    return SearchResult(hits, "c.collection", "mini", "text", True, {})

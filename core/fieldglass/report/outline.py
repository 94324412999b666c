"""Makes `world.json`, the outline under maps: `python -m fieldglass.report.outline COUNTRIES world.json`.

COUNTRIES is Natural Earth's "Admin 0 - Countries" at 1:110m in any format that geopandas reads. Natural Earth is
in the public domain (naturalearthdata.com/about/terms-of-use). The outline shows where on Earth something is; it
says nothing on whose a border is, and is too coarse to measure on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fieldglass.spatial.shapes import load_geopandas, load_shapely

__all__ = ["outline"]

_STEP = 0.01  # degrees; the source is coarser


def outline(countries: Path) -> dict[str, Any]:
    """Land as closed rings and borders as lines, each [x, y, dx, dy, ...] in hundredths of a degree."""
    shapely = load_shapely()
    shapes = shapely.set_precision(load_geopandas().read_file(countries).geometry.values, _STEP)
    land = shapely.union_all(shapes)
    coast = shapely.boundary(land)
    borders = shapely.line_merge(shapely.difference(shapely.union_all(shapely.boundary(shapes)), coast))
    rings = [ring for part in shapely.get_parts(land) for ring in (part.exterior, *part.interiors)]
    return {
        "source": "Natural Earth, Admin 0 - Countries, 1:110m; public domain",
        "land": [_steps(shapely.get_coordinates(each)[:-1]) for each in rings],
        "borders": [_steps(shapely.get_coordinates(each)) for each in shapely.get_parts(borders)],
    }


def _steps(points: Any) -> list[int]:
    whole = (points / _STEP).round().astype(int)
    whole[1:] -= whole[:-1].copy()
    found: list[int] = whole.ravel().tolist()
    return found


def main() -> None:
    """Read one file, write the other."""
    source, target = map(Path, sys.argv[1:3])
    target.write_text(json.dumps(outline(source), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Makes `countries.npz.xz`: `python -m fieldglass_geo.reverse.outlines COUNTRIES countries.npz.xz`.

COUNTRIES is Natural Earth's "Admin 0 - Countries" at 1:10m in any format that geopandas reads, of any point of view;
what lies here is version 5.1.1 as seen from Germany, which follows most of the United Nations. Natural Earth is in the
public domain (naturalearthdata.com/about/terms-of-use).
"""

from __future__ import annotations

import lzma
import sys
from io import BytesIO
from pathlib import Path

import numpy as np

from fieldglass.spatial.shapes import load_geopandas, load_shapely

__all__ = ["STEP", "outlines"]

STEP = 1e-4  # degrees, 11 m; the source is coarser
_CODES = {"USG": "CU", "ESB": "GB", "WSB": "GB"}  # leases without a code of their own


def outlines(countries: Path) -> bytes:
    """The polygons of countries with a code, as steps from point to point, byte by byte so that they compress."""
    shapely = load_shapely()
    table = load_geopandas().read_file(countries)
    codes = np.where(table.ISO_A2_EH == "-99", table.ADM0_A3.map(_CODES).fillna(""), table.ISO_A2_EH)
    table = table[codes != ""].assign(code=codes[codes != ""]).sort_values(["code", "LABELRANK"], kind="stable")
    first = table.drop_duplicates("code")
    country_of = np.searchsorted(first.code.to_numpy(), table.code.to_numpy())
    shapes = shapely.set_precision(np.asarray(table.geometry.values), STEP)  # rounding alone would cross some edges
    polygons, row = shapely.get_parts(shapes, return_index=True)
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    whole = np.round(points / STEP).astype(np.int32)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), dtype=np.int32)).T
    folded = ((steps << 1) ^ (steps >> 31)).astype("<u4")  # small numbers of either sign have zeros in front
    buffer = BytesIO()
    np.savez(
        buffer,
        planes=np.ascontiguousarray(folded).view(np.uint8).reshape(2, -1, 4).transpose(0, 2, 1),
        ring_points=np.bincount(ring).astype(np.int32),
        polygon_rings=np.bincount(polygon).astype(np.int32),
        polygon_country=country_of[row].astype(np.int16),
        codes=first.code.to_numpy(dtype="U2"),
        names=first.NAME_EN.to_numpy(dtype="U"),
    )
    return lzma.compress(buffer.getvalue(), preset=9)


def main() -> None:
    """Read one file, write the other."""
    source, target = map(Path, sys.argv[1:3])
    target.write_bytes(outlines(source))


if __name__ == "__main__":
    main()

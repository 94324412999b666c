"""Areas from files: the union of their shapes, in degrees, or refused with the cause."""

from __future__ import annotations

import os
from pathlib import Path

from fieldglass.spatial.area import Area
from fieldglass.spatial.shape_files import read_shapes
from fieldglass.spatial.shapes import load_shapely

__all__ = ["read_area"]


def read_area(path: str | os.PathLike[str], crs: str | None = None) -> Area:
    """The union of the geometries of a file, in WGS84; the arguments are those of `read_shapes`.

    UsageError where the file holds no shape, or its numbers cannot be degrees.
    """
    shapely, name = load_shapely(), Path(path).name
    parts = [Area(shape, name).geometry for shape in read_shapes(path, crs).geometries]
    return Area(parts[0] if len(parts) == 1 else shapely.union_all(parts), name)

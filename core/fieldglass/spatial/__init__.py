"""Space: filters over where items lie, and hits as GeoJSON, GeoParquet, GPKG, KML, CSV or a map.

    import fieldglass
    from fieldglass.spatial import Near, box, read_area

    c = fieldglass.open("scenes.collection")
    c.search(text="a harbour", where=["cloud < 0.2", box(5, 52, 7, 54)])
    c.search(text="a harbour", where=read_area("delta.gpkg"))
    c.search(text="a harbour", where=Near(52.4, 4.9, km=30))

An item lies where its columns say: `lat` and `lon` in degrees, or `west`, `south`, `east`, `north`
(`east` < `west` across the antimeridian) with a `footprint`, WKT in WGS84, longitude first, split at the
antimeridian. It needs the extra `spatial`.
"""

from __future__ import annotations

from fieldglass.spatial.area import Area, box
from fieldglass.spatial.area_files import read_area
from fieldglass.spatial.near import Near

__all__ = ["Area", "Near", "box", "read_area"]

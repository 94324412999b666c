"""The map page: hits on an outline of the world, in one file that asks nothing of any host.

The script and the style sheet are admitted by their hashes and nothing else is, so that neither hostile metadata
nor a picture can run or fetch anything. What the hits hold reaches the script as JSON and is only ever drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.report.document import document
from fieldglass.report.markup import image, text

if TYPE_CHECKING:
    from fieldglass.result import Hit, SearchResult
    from fieldglass.spatial.features import Feature

__all__ = ["map_page"]

_DIGITS = 7  # decimals of a degree: 1 cm
_PIXELS = 4000  # across an area when one looks at it closely
_ROOM = 0.05  # degrees around points that lie together


def map_page(results: Sequence[SearchResult], *, title: str = "", intro: str = "") -> str:
    """An HTML document: the map, and the hits of all results as a list beside it.

    The areas that were searched are dashed. Footprints are drawn with their previews, points as pins; a column
    `uncertainty_km` (or `radius_km`) becomes a circle. It needs the extra `spatial`.
    """
    features = [each for result in results for each in result.features()]
    name = title or " · ".join(str(result.asked) for result in results) or "Map"
    pictured = any(each.hit.thumbnail for each in features)
    found = "".join(_row(number, each, pictured=pictured) for number, each in enumerate(features))
    kind = "" if pictured else ' class="bare"'
    listed = f'<ol role="list"{kind}>{found}</ol>' if found else '<p class="none">Nothing was found.</p>'
    body = f"""<header><h1>{text(name)}</h1><p>{text(intro or _summary(results, features))}</p></header>
<div class="map"><canvas tabindex="0" role="img" aria-label="Map of the hits; the list says the same. Arrow keys
move, plus and minus zoom, 0 shows all."></canvas>
<div class="zoom"><button id="in" aria-label="Zoom in">+</button><button id="out" aria-label="Zoom out">&minus;</button>
<button id="all" aria-label="Show all hits">&#9673;</button></div><div class="where"></div></div>
<main class="list" aria-label="Hits">{listed}</main>
<footer>Written by Fieldglass. Outline: Natural Earth, public domain. This page asks nothing of any other host.</footer>
<script id="data" type="application/json">{_json(_data(results, features))}</script>
"""
    return document(body, title=name, style=_asset("map.css"), script=_asset("map.js"))


@cache
def _asset(name: str) -> str:
    return files("fieldglass.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _world() -> Any:
    return json.loads(_asset("world.json"))


def _json(value: Any) -> str:
    """JSON that cannot end its element: < becomes an escape."""
    said = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return said.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _summary(results: Sequence[SearchResult], features: Sequence[Feature]) -> str:
    nowhere = sum(each.geometry is None for each in features)
    said = f"{len(features)} hit{'' if len(features) == 1 else 's'}"
    said += f", {nowhere} without a place" if nowhere else ""
    notes = [note for result in results for note in result.notes]
    return ". ".join([said, *(note.rstrip(".") for note in notes)]) + "."


def _row(number: int, feature: Feature, *, pictured: bool) -> str:
    """A hit of the list; where none has a preview (places), there is no room for any."""
    hit = feature.hit
    where = _at(feature)
    place = f"{where[1]:.4f}, {where[0]:.4f}" if where else "no place"
    nowhere = "" if where else ' class="nowhere"'
    return (
        f'<li id="h{number}"{nowhere}><a href="#h{number}"><span class="rank">{hit.rank or "★"}</span>'
        f'{image(hit.thumbnail, "") if pictured else ""}<span><span class="id">{text(hit.id)}</span>'
        + "".join(f'<span class="more">{text(each)}</span>' for each in (f"{hit.score:.3f} · {place}", *_told(hit)))
        + "</span></a></li>"
    )


def _told(hit: Hit) -> list[str]:
    """Where a hit lies in words, and how sure that is, where its columns say so."""
    names = [str(hit.metadata[name]) for name in ("place", "admin1", "country") if hit.metadata.get(name)]
    found = [", ".join(dict.fromkeys(names))] if names else []
    km, share = hit.metadata.get("uncertainty_km"), hit.metadata.get("coverage")
    if isinstance(km, (int, float)) and isinstance(share, (int, float)):
        found.append(f"{100 * share:.0f} % of the probability within {km:,.0f} km")
    return found


def _data(results: Sequence[SearchResult], features: Sequence[Feature]) -> dict[str, Any]:
    shown = [_shown(each) for each in features]
    areas = [_unrolled(each) for result in results for each in result.asked.outlines]
    bounds = [each["bounds"] for each in shown if each["at"]] or [list(map(float, each.bounds)) for each in areas]
    area = [_points(ring) for each in areas for ring in _rings(_simpler(each))]
    return {"world": _world(), "hits": shown, "area": area, "bounds": _together(bounds)}


def _simpler(area: Any) -> Any:
    """With as much detail as a screen shows."""
    west, south, east, north = area.bounds
    return area.simplify(max(east - west, north - south) / _PIXELS)


def _shown(feature: Feature) -> dict[str, Any]:
    at = _at(feature)
    if at is None:
        return {"rank": feature.hit.rank, "at": None}
    shape = _unrolled(feature.geometry)
    rings = [_points(ring) for ring in _rings(shape)]
    km = next((feature.hit.metadata.get(name) for name in ("uncertainty_km", "radius_km")), None)
    km = float(km) if isinstance(km, (int, float)) and math.isfinite(km) else 0.0
    west, south, east, north = shape.bounds
    room = max(_ROOM if shape.geom_type == "Point" else 0.0, math.degrees(km / 6371))
    return {
        "rank": feature.hit.rank,
        "at": _rounded(at),
        "rings": rings,
        "quad": _quad(shape) if feature.hit.thumbnail else None,
        "km": km,
        "bounds": _rounded([west - room, max(south - room, -90), east + room, min(north + room, 90)]),
    }


def _at(feature: Feature) -> list[float] | None:
    """Longitude and latitude of the pin: the middle of the footprint."""
    if feature.geometry is None:
        return None
    west, south, east, north = _unrolled(feature.geometry).bounds
    longitude = (west + east) / 2
    return [longitude if longitude <= 180 else longitude - 360, (south + north) / 2]


def _unrolled(geometry: Any) -> Any:
    """The parts on both sides of the antimeridian put together again, beyond 180 degrees."""
    import shapely

    parts = shapely.get_parts(geometry)
    bounds = shapely.bounds(parts)
    if not ((bounds[:, 0] == -180).any() and (bounds[:, 2] == 180).any()) or len(parts) < 2:
        return geometry
    west = bounds[:, [0, 2]].mean(axis=1) < 0
    parts[west] = shapely.transform(parts[west], lambda points: points + np.array([360.0, 0.0]))
    return shapely.union_all(parts)


def _rings(shape: Any) -> Iterable[Any]:
    import shapely

    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            yield from (part.exterior, *part.interiors)
        elif part.geom_type != "Point":
            yield part


def _points(ring: Any) -> list[float]:
    import shapely

    return _rounded(shapely.get_coordinates(ring).ravel().tolist())


def _quad(shape: Any) -> list[list[float]] | None:
    """Upper left, upper right and lower left corner of a footprint of four corners; None for other shapes."""
    import shapely

    if shape.geom_type != "Polygon":
        return None
    points = shapely.get_coordinates(shape)
    x, y = points[:, 0], points[:, 1]
    upper_left, upper_right, lower_left, lower_right = (
        points[each] for each in ((y - x).argmax(), (x + y).argmax(), (x + y).argmin(), (x - y).argmax())
    )
    whole = shapely.Polygon([upper_left, upper_right, lower_right, lower_left])
    if abs(whole.area - shape.area) > 0.05 * shape.area:
        return None
    return [_rounded(corner.tolist()) for corner in (upper_left, upper_right, lower_left)]


def _together(bounds: Sequence[Sequence[float]]) -> list[float] | None:
    """The smallest bounds of all, across the antimeridian where that is shorter."""
    if not bounds:
        return None
    spans = sorted((each[0], each[2]) for each in bounds)
    gaps = []
    reach = spans[0][1]
    for before, (west, east) in enumerate(spans[1:]):
        gaps.append((west - reach, before + 1))
        reach = max(reach, east)
    gap, first = max(gaps, default=(0.0, 0))
    south, north = min(each[1] for each in bounds), max(each[3] for each in bounds)
    if gap > spans[0][0] + 360 - reach:  # wider than the gap behind the last: begin after it
        return _rounded([spans[first][0], south, max(east for _, east in spans[:first]) + 360, north])
    return _rounded([spans[0][0], south, reach, north])


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(each, _DIGITS) for each in values]

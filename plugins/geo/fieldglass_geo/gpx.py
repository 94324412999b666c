"""A GPX track as a clock that tells where it was: positions between two points by time."""

from __future__ import annotations

import math
from bisect import bisect_left
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from fieldglass.errors import UsageError
from fieldglass_geo.gps import number
from fieldglass_geo.position import Position

__all__ = ["Track", "read_gpx"]

_LARGEST = 256 << 20


class Track:
    """Points of (seconds since 1970 UTC, latitude, longitude, altitude or None), ordered by time."""

    def __init__(self, points: list[tuple[float, float, float, float | None]]) -> None:
        self._points = sorted(points, key=lambda point: point[0])
        self._times = [point[0] for point in self._points]

    def __len__(self) -> int:
        return len(self._points)

    def at(self, moment: datetime, max_gap: float) -> Position | None:
        """Where it was; None before its start, after its end, and in gaps longer than `max_gap` seconds."""
        time = moment.timestamp()
        after = bisect_left(self._times, time)
        if after < len(self._times) and self._times[after] == time:
            _, lat, lon, altitude = self._points[after]
            return Position(lat, lon, altitude)
        if after == 0 or after == len(self._times):
            return None
        (t0, lat0, lon0, alt0), (t1, lat1, lon1, alt1) = self._points[after - 1 : after + 1]
        if t1 - t0 > max_gap:
            return None
        share = (time - t0) / (t1 - t0)
        lon = lon0 + share * math.remainder(lon1 - lon0, 360)  # the short way, over the antimeridian too
        altitude = None if alt0 is None or alt1 is None else alt0 + share * (alt1 - alt0)
        return Position(lat0 + share * (lat1 - lat0), math.remainder(lon, 360), altitude)


@lru_cache(maxsize=4)
def read_gpx(path: str) -> Track:
    """The track points of a file that have a time; UsageError where there are none."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise UsageError(f"There is no GPX file {path!r}.")
    if file.stat().st_size > _LARGEST:
        raise UsageError(f"{file.name} has more than 256 MiB.", hint="Cut the track.")
    content = file.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UsageError(f"{file.name} declares entities, which no GPX file does; it is not read.")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UsageError(f"{file.name} is not GPX: {error}.") from error
    points = []
    for element in root.iter():
        if element.tag.rpartition("}")[2] != "trkpt":
            continue
        inner = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
        lat, lon = number(element.attrib.get("lat")), number(element.attrib.get("lon"))
        try:
            when = datetime.fromisoformat(inner.get("time", ""))
        except ValueError:
            continue
        if lat is None or lon is None or abs(lat) > 90 or not math.isfinite(lon) or abs(lon) > 180:
            continue
        when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        points.append((when.timestamp(), lat, lon, number(inner.get("ele"))))
    if not points:
        raise UsageError(f"{file.name} has no track point with a time.", hint="A route without times places no photo.")
    return Track(points)

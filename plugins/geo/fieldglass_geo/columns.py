"""The columns that this plugin adds to an item of any loader: where, when, and in what country."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import MissingExtraError
from fieldglass_geo.containers import SUFFIXES
from fieldglass_geo.moments import offset_of
from fieldglass_geo.position import Position, Rules
from fieldglass_geo.where_taken import Found, find

if TYPE_CHECKING:
    from fieldglass.types import Item

__all__ = ["NAMED", "PLACED", "checked", "columns", "harmless", "rounded"]

PLACED = ("lat", "lon", "altitude", "gps_error_m", "heading", "gps_source", "gps_problem", "taken_utc")
NAMED = ("country", "admin1", "place")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def columns(item: Item, paths: tuple[Path, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """Columns for the first photo among the files of an item; nothing where there is nothing to tell.

    lat, lon (degrees, WGS 84), altitude (metres above the sea), gps_error_m (metres), heading (degrees from north),
    gps_source (exif, xmp, takeout, gpx), gps_problem (flags, separated by commas), taken_utc. Any item with `lat` and
    `lon`, those of its own loader too, also gets country (ISO 3166), admin1 and place, where it has none. UsageError
    for options that are not those of `Rules`.
    """
    rules = checked(options)
    photo = next((path for path in paths if path.suffix.lower() in SUFFIXES), None)
    if rules.drop_gps:
        return {} if photo is None else dict.fromkeys((*PLACED, *NAMED))
    found = {} if photo is None else rounded(find(photo, rules), rules)
    if not rules.names:
        return found
    if "lat" not in found and item.metadata.get("country") is not None:
        return found
    lat, lon = (found.get(name, item.metadata.get(name)) for name in ("lat", "lon"))
    return found | _names(lat, lon)


def _names(lat: Any, lon: Any) -> dict[str, Any]:
    """country, admin1 and place of a point; nothing where it is none, or where nothing lies near."""
    if not (isinstance(lat, float) and isinstance(lon, float) and abs(lat) <= 90 and math.isfinite(lon)):
        return {}
    from fieldglass_geo.reverse import reverse

    try:
        where = reverse([lat], [lon])[0]
    except MissingExtraError:  # `geo reverse` tells it
        return {}
    return {name: value for name in NAMED if (value := getattr(where, name)) is not None}


def rounded(found: Found, rules: Rules) -> dict[str, Any]:
    """What is found as columns, coordinates with as many decimals as the rules let them have."""
    named: dict[str, Any] = {"taken_utc": found.taken.replace(tzinfo=None) if found.taken else None}
    named["gps_problem"] = ",".join(found.flags) or None
    if isinstance(found.position, Position):
        place, digits = found.position, rules.round_coords
        named["lat"], named["lon"], named["altitude"] = place.lat, place.lon, place.altitude
        named |= {"gps_error_m": place.error_m, "heading": place.heading, "gps_source": found.source}
        if digits >= 0:
            named["lat"], named["lon"] = round(place.lat, digits) + 0.0, round(place.lon, digits) + 0.0
            named["altitude"] = None if place.altitude is None else float(round(place.altitude, -1))
    return {name: value for name, value in named.items() if value is not None}


def checked(options: Mapping[str, Any]) -> Rules:
    """The rules of some options, made once. UsageError where one cannot be, or its file cannot be read."""
    return _rules(tuple(sorted(options.items())))


@lru_cache(maxsize=8)
def _rules(options: tuple[tuple[str, Any], ...]) -> Rules:
    rules = Rules.of(dict(options))
    if rules.gpx:
        from fieldglass_geo.gpx import read_gpx

        read_gpx(rules.gpx)  # a track that cannot be read is told once, not for each photo
    if rules.offset:
        offset_of(rules.offset)
    return rules


def harmless(value: Any) -> Any:
    """A cell of a CSV file; one that a spreadsheet would run gets a quote."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

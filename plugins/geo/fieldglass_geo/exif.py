"""Reads where a photo was taken from its EXIF block, and says why when it cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

__all__ = ["NoPosition", "Position", "columns", "position", "read"]

_GPS_IFD = 0x8825
_LAT_REF, _LAT, _LON_REF, _LON, _ALT_REF, _ALT, _DATUM, _ERROR = 1, 2, 3, 4, 5, 6, 18, 31
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"})
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")


@dataclass(frozen=True)
class Position:
    """Degrees north and east (WGS 84), metres above the sea, metres of error; `flags` tell what was mended."""

    lat: float
    lon: float
    altitude: float | None = None
    error_m: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoPosition:
    """No usable position; `reason` is "absent", or a word for what is wrong with the one that is there."""

    reason: str


def columns(paths: Sequence[Path]) -> dict[str, Any]:
    """The columns for the first photo among the paths; nothing where there is no position."""
    for path in paths:
        if path.suffix.lower() in _SUFFIXES:
            found = read(path)
            if isinstance(found, NoPosition):
                return {} if found.reason == "absent" else {"gps_problem": found.reason}
            named = {"lat": found.lat, "lon": found.lon, "altitude": found.altitude, "gps_error_m": found.error_m}
            flags = {"gps_problem": ",".join(found.flags)} if found.flags else {}
            return {name: value for name, value in named.items() if value is not None} | flags
    return {}


def read(path: Path) -> Position | NoPosition:
    """The position of one photo; a file that cannot be read has none, its loader reports it."""
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            gps = dict(picture.getexif().get_ifd(_GPS_IFD))
    except Exception:  # Pillow raises a dozen kinds on a damaged block; none may stop an ingest
        return NoPosition("absent")
    return position(gps)


def position(gps: Mapping[int, Any]) -> Position | NoPosition:
    """The GPS directory, tag number -> value as Pillow gives it, to a position."""
    if _LAT not in gps or _LON not in gps:
        return NoPosition("absent")
    flags: list[str] = []
    lat = _degrees(gps[_LAT], gps.get(_LAT_REF), "NS", 90.0, flags)
    if isinstance(lat, str):
        return NoPosition(lat)
    lon = _degrees(gps[_LON], gps.get(_LON_REF), "EW", 180.0, flags)
    if isinstance(lon, str):
        return NoPosition(lon)
    if lat == 0.0 and lon == 0.0:
        return NoPosition("null_island")
    if _word(gps.get(_DATUM)).replace("-", "").replace(" ", "") not in ("", "WGS84"):
        flags.append("datum")
    return Position(lat, lon, _altitude(gps), _number(gps.get(_ERROR)), tuple(dict.fromkeys(flags)))


def _degrees(value: Any, ref: Any, letters: str, limit: float, flags: list[str]) -> float | str:
    """Degrees, minutes, seconds and their letter to signed degrees, or the reason why not."""
    parts = list(value) if isinstance(value, (tuple, list)) else [value]
    numbers = [_number(part) for part in parts[:3]]
    if len(numbers) == 3 and numbers[2] is None:  # degrees and minutes are right in files of old phones
        numbers[2] = 0.0
        flags.append("bad_seconds")
    if not numbers or None in numbers:
        return "undefined_rational"
    if len(numbers) < 3:
        flags.append("partial_dms")
        numbers += [0.0] * (3 - len(numbers))
    degrees, minutes, seconds = (number or 0.0 for number in numbers)
    letter = _word(ref)[:1]
    if letter not in tuple(letters):
        return "missing_ref"
    negative = degrees < 0
    if negative and letter == letters[0]:
        return "contradictory_sign"
    if not (0 <= minutes < 60 and 0 <= seconds < 60):
        return "out_of_range"
    if negative:
        flags.append("double_sign")
    found = abs(degrees) + minutes / 60 + seconds / 3600
    if found > limit:
        return "out_of_range"
    return -found if letter == letters[1] else found


def _altitude(gps: Mapping[int, Any]) -> float | None:
    height = _number(gps.get(_ALT))
    below = gps.get(_ALT_REF) in (1, b"\x01", "\x01", "1")
    return -height if below and height is not None else height


def _number(value: Any) -> float | None:
    """A finite float of a rational, or None: 1/0, NaN and what is no number at all."""
    try:
        found = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _word(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return text.strip("\x00 \t").upper()

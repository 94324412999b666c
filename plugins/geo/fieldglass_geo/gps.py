"""The GPS directory of a photo to a position: what cameras write, and what they write wrongly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fieldglass_geo.position import NoPosition, Position, Rules

__all__ = ["number", "position", "settled"]

_LAT_REF, _LAT, _LON_REF, _LON, _ALT_REF, _ALT, _DOP = 1, 2, 3, 4, 5, 6, 11
_HEADING, _DATUM, _ERROR = 17, 18, 31
_METRES_OF_DOP = 5.0  # the usual error of a receiver where nothing dilutes its precision
_DEFAULT = Rules()


def position(gps: Mapping[int, Any], rules: Rules = _DEFAULT) -> Position | NoPosition:
    """The GPS directory, tag number -> value (rationals as anything `float` takes), to a position."""
    if _LAT not in gps and _LON not in gps:
        return NoPosition("absent")
    if _LAT not in gps or _LON not in gps:
        return NoPosition("absent", "It gives a latitude or a longitude without the other.")
    letters = rules.assume_ref.upper() or "  "
    flags: list[str] = []
    lat = _degrees(gps[_LAT], _letter(gps.get(_LAT_REF), "NS", letters[0], flags), rules, flags)
    lon = _degrees(gps[_LON], _letter(gps.get(_LON_REF), "EW", letters[1], flags), rules, flags)
    for each in (lat, lon):
        if isinstance(each, str):
            return NoPosition(each)
    found = settled(float(lat), float(lon), rules, tuple(dict.fromkeys(flags)))
    if isinstance(found, NoPosition):
        return found
    if _word(gps.get(_DATUM)).replace("-", "").replace(" ", "").replace("_", "") not in ("", "WGS84"):
        flags.append("datum")
    error, dop = number(gps.get(_ERROR)), number(gps.get(_DOP))
    if error is None and dop is not None and dop > 0:
        error = dop * _METRES_OF_DOP
    return Position(
        found.lat,
        found.lon,
        _altitude(gps),
        error if error is None or error >= 0 else None,
        _turned(number(gps.get(_HEADING))),
        tuple(dict.fromkeys(flags)),
    )


def settled(lat: float, lon: float, rules: Rules, flags: tuple[str, ...] = ()) -> Position | NoPosition:
    """Signed degrees to a position, where they are one; the last check of every source."""
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return NoPosition("undefined_rational")
    if abs(lat) > 90 or abs(lon) > 180:
        swapped = abs(lat) > 90 and abs(lon) <= 90 and abs(lat) <= 180
        return NoPosition("out_of_range", "Are latitude and longitude swapped?" if swapped else "")
    if lat == 0.0 and lon == 0.0 and not rules.allow_zero:
        return NoPosition("null_island")
    return Position(lat + 0.0, lon + 0.0, flags=flags)  # + 0.0: no minus zero


def _letter(value: Any, letters: str, assumed: str, flags: list[str]) -> str:
    """ "+" or "-" for the half of the globe; "" where the block does not say it."""
    letter = _word(value)[:1]
    if letter not in tuple(letters):
        letter = assumed.strip()
        if letter:
            flags.append("assumed_ref")
    return "+" if letter == letters[0] else "-" if letter == letters[1] else ""


def _degrees(value: Any, sign: str, rules: Rules, flags: list[str]) -> float | str:
    """Degrees, minutes, seconds and their sign to signed degrees, or the reason why not."""
    parts = list(value) if isinstance(value, (tuple, list)) else [value]
    numbers = [number(part) for part in parts[:3]]
    if len(numbers) == 3 and numbers[2] is None:  # degrees and minutes are right in files of old phones
        numbers[2] = 0.0
        flags.append("bad_seconds")
    if not numbers or None in numbers:
        return "undefined_rational"
    if len(numbers) < 3:
        flags.append("partial_dms")
        numbers += [0.0] * (3 - len(numbers))
    degrees, minutes, seconds = (each or 0.0 for each in numbers)
    if not sign:
        return "missing_ref"
    negative = degrees < 0
    if negative and sign == "+":
        if not rules.trust:
            return "contradictory_sign"
        flags.append(f"trusted_{rules.trust}")
        sign = "-" if rules.trust == "sign" else "+"
    elif negative:
        flags.append("double_sign")
    if not (0 <= minutes < 60 and 0 <= seconds < 60):
        return "out_of_range"
    found = abs(degrees) + minutes / 60 + seconds / 3600
    return -found if sign == "-" else found


def _turned(heading: float | None) -> float | None:
    """Degrees clockwise from north, 0 to 360."""
    return heading if heading is not None and 0 <= heading <= 360 else None


def _altitude(gps: Mapping[int, Any]) -> float | None:
    height = number(gps.get(_ALT))
    below = gps.get(_ALT_REF) in (1, b"\x01", "\x01", "1")
    return -height if below and height is not None else height


def number(value: Any) -> float | None:
    """A finite float of a rational or of a list of one, or None: 1/0, NaN and what is no number at all."""
    try:
        found = float(value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _word(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return text.strip("\x00 \t").upper()

"""When a photo was taken, in UTC, from what its header says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from fieldglass.errors import UsageError
from fieldglass_geo.gps import number

__all__ = ["exposed", "offset_of", "received"]

_TIME, _DATE = 7, 29
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})$|(Z)$")


def received(gps: Mapping[int, Any]) -> datetime | None:
    """The time of the satellites in a GPS directory, UTC."""
    date = gps.get(_DATE, b"")
    text = date.decode("latin-1") if isinstance(date, bytes) else str(date)
    parts = gps.get(_TIME)
    if not isinstance(parts, (tuple, list)) or len(parts) != 3:
        return None
    numbers = [number(each) for each in parts]
    try:
        day = datetime.strptime(text.strip("\0 ")[:10].replace("-", ":"), "%Y:%m:%d").replace(tzinfo=UTC)
        hours, minutes, seconds = (float(each) for each in numbers if each is not None)
    except ValueError:
        return None
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61) or day.year < 1980:
        return None
    return day + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def exposed(taken: str, offset: str, assumed: timezone | None = None) -> datetime | None:
    """EXIF's time of exposure with its offset from UTC, or with the one assumed; None where neither is known."""
    if not taken:
        return None
    try:
        zone = offset_of(offset) if offset else assumed
        local = datetime.strptime(taken[:19], "%Y:%m:%d %H:%M:%S")
        return None if zone is None else local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def offset_of(text: str) -> timezone:
    """ "+02:00", "-0330" or "Z" -> a zone. UsageError where it is none."""
    found = _OFFSET.match(text.strip())
    if found is None or (not found[4] and (int(found[2]) > 14 or int(found[3]) > 59)):
        raise UsageError(f"{text!r} is no offset from UTC.", hint="Such as +02:00, -0330 or Z.")
    if found[4]:
        return UTC
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(ahead if found[1] == "+" else -ahead)

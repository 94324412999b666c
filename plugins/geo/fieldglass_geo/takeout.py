"""The JSON file that Google Takeout writes beside a photo: where and when, and by what name it is found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fieldglass_geo.gps import number, settled
from fieldglass_geo.position import NoPosition, Position, Rules

__all__ = ["Note", "note_names", "read_note"]

_STEM = 46  # characters before ".json": Takeout cuts what is longer
_SUPPLEMENT = ".supplemental-metadata"
_NUMBERED = re.compile(r"(.*)(\(\d+\))$")
_EDITED = re.compile(r"-(edited|bearbeitet|modifi\u00e9|editado|modificato|bewerkt|redigeret)$", re.IGNORECASE)


@dataclass(frozen=True)
class Note:
    """What a sidecar says of place and time (UTC)."""

    position: Position | NoPosition
    taken: datetime | None = None


def note_names(name: str) -> Iterator[str]:
    """The names that the sidecar of a photo of this name may have, the likeliest first.

    "a.jpg" has "a.jpg.json", in newer exports "a.jpg.supplemental-metadata.json", of which all before ".json" is cut
    to 46 characters. A number is never cut and comes last: "a(1).jpg" has "a.jpg(1).json". "a-edited.jpg" has that
    of "a.jpg".
    """
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    found: dict[str, None] = {}
    for base in dict.fromkeys((stem, _EDITED.sub("", stem))):
        numbered = _NUMBERED.match(base)
        shapes = [(f"{numbered[1]}{dot}{suffix}", numbered[2])] if numbered else []
        for whole, number_ in (*shapes, (f"{base}{dot}{suffix}", "")):
            for each in (whole, whole + _SUPPLEMENT):
                found[f"{each[:_STEM]}{number_}.json"] = None
        found[f"{base[:_STEM]}.json"] = None
    yield from found


def read_note(content: bytes, rules: Rules) -> Note | None:
    """The place and time of a sidecar; None where the file is no sidecar of Takeout.

    `geoData` is what Google Photos shows (a person may have set it), `geoDataExif` what the photo said; either may
    be alone. 0, 0 stands for unknown in both.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not {"geoData", "geoDataExif", "photoTakenTime"} & document.keys():
        return None
    found: Position | NoPosition = NoPosition("absent")
    for name in ("geoData", "geoDataExif"):
        each = _place(document.get(name), rules)
        if isinstance(each, Position):
            found = each
            break
        if each.reason not in ("absent", "null_island"):
            found = each
    return Note(found, _taken(document.get("photoTakenTime")))


def _place(said: Any, rules: Rules) -> Position | NoPosition:
    if not isinstance(said, dict) or "latitude" not in said or "longitude" not in said:
        return NoPosition("absent")
    lat, lon = number(said["latitude"]), number(said["longitude"])
    if lat is None or lon is None:
        return NoPosition("undefined_rational")
    if lat == 0 and lon == 0:
        return NoPosition("null_island")  # whatever the rules: here it is the mark for "unknown"
    found = settled(lat, lon, rules)
    if isinstance(found, NoPosition):
        return found
    return Position(found.lat, found.lon, number(said.get("altitude")) or None)  # 0.0 where it is not known


def _taken(said: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(said["timestamp"]), UTC)
    except (TypeError, KeyError, ValueError, OverflowError, OSError):
        return None

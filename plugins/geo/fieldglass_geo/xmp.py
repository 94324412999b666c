"""Place and time of an XMP packet, embedded or as the sidecar of Lightroom, digiKam or immich.

An XMP latitude is "43,11.597S" or "43,11,35.8S": degrees, minutes and a letter. A plain decimal with a separate
`GPSLatitudeRef` is against the specification, yet common; `Rules.lenient` reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

from fieldglass_geo.gps import number, settled
from fieldglass_geo.position import NoPosition, Position, Rules

__all__ = ["Packet", "read_xmp"]

_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_WANTED = (
    "GPSLatitude", "GPSLongitude", "GPSLatitudeRef", "GPSLongitudeRef", "GPSAltitude", "GPSAltitudeRef",
    "GPSHPositioningError", "GPSTimeStamp", "DateTimeOriginal",
)  # fmt: skip
_ANGLE = re.compile(r"\s*(-?\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?(?:,(\d+(?:\.\d+)?))?\s*([NSEW])\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Packet:
    """What a packet says of place and time (UTC)."""

    position: Position | NoPosition
    taken: datetime | None = None


def read_xmp(packet: bytes, rules: Rules) -> Packet:
    """The place and time of an XMP packet; a packet with a document type or that is no XML says nothing."""
    if not packet or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return Packet(NoPosition("unreadable" if packet else "absent"))
    try:
        root = ElementTree.fromstring(packet.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return Packet(NoPosition("unreadable"))
    said: dict[str, str] = {}
    for element in root.iter():
        for name in _WANTED:
            text = element.attrib.get(_EXIF + name) or (element.text if element.tag == _EXIF + name else None)
            if text and text.strip():
                said.setdefault(name, text.strip())
        created = element.attrib.get(_PHOTOSHOP + "DateCreated")
        if created:
            said.setdefault("DateTimeOriginal", created)
    return Packet(_position(said, rules), _instant(said))


def _position(said: dict[str, str], rules: Rules) -> Position | NoPosition:
    if "GPSLatitude" not in said or "GPSLongitude" not in said:
        return NoPosition("absent")
    flags: list[str] = []
    lat = _angle(said["GPSLatitude"], said.get("GPSLatitudeRef", ""), "NS", rules, flags)
    lon = _angle(said["GPSLongitude"], said.get("GPSLongitudeRef", ""), "EW", rules, flags)
    for each in (lat, lon):
        if isinstance(each, str):
            return NoPosition(each)
    found = settled(float(lat), float(lon), rules, tuple(dict.fromkeys(flags)))
    if isinstance(found, NoPosition):
        return found
    altitude = _ratio(said.get("GPSAltitude", ""))
    if altitude is not None and said.get("GPSAltitudeRef") == "1":
        altitude = -altitude
    return Position(found.lat, found.lon, altitude, _ratio(said.get("GPSHPositioningError", "")), flags=found.flags)


def _angle(text: str, ref: str, letters: str, rules: Rules, flags: list[str]) -> float | str:
    found = _ANGLE.match(text)
    if found is None:
        value = number(text)
        letter = ref[:1].upper()
        if value is None:
            return "undefined_rational"
        if not rules.lenient or letter not in tuple(letters):
            return "missing_ref"
        flags.append("xmp_decimal")
        return -abs(value) if letter == letters[1] else value
    letter = found[4].upper()
    if letter not in letters:
        return "missing_ref"
    degrees, minutes, seconds = (float(each or 0) for each in found.groups()[:3])
    if degrees < 0 and letter == letters[0]:
        return "contradictory_sign"
    if degrees < 0:
        flags.append("double_sign")
    if minutes >= 60 or seconds >= 60:
        return "out_of_range"
    value = abs(degrees) + minutes / 60 + seconds / 3600
    return -value if letter == letters[1] else value


def _ratio(text: str) -> float | None:
    """ "12345/100" or "123.45"; None over zero."""
    above, _, below = text.partition("/")
    top, bottom = number(above), number(below or 1)
    return None if top is None or not bottom else top / bottom


def _instant(said: dict[str, str]) -> datetime | None:
    """The satellites' time, else that of exposure where it says its offset from UTC."""
    for name in ("GPSTimeStamp", "DateTimeOriginal"):
        try:
            found = datetime.fromisoformat(said[name])
        except (KeyError, ValueError):
            continue
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    return None

"""Where one photo was taken, from all that speaks of it: its EXIF block, XMP, a Takeout file, a GPX track.

The first that tells a place is taken, in that order. What the others say, and what was wrong before, becomes a flag.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from fieldglass.loaders.paths import open_regular
from fieldglass_geo.containers import Header, read_header
from fieldglass_geo.gps import position
from fieldglass_geo.moments import exposed, offset_of, received
from fieldglass_geo.position import NoPosition, Position, Rules
from fieldglass_geo.takeout import note_names, read_note
from fieldglass_geo.xmp import read_xmp

__all__ = ["Found", "find"]

_CONFLICT_KM = 1.0
_LARGEST = 1 << 22  # bytes of a sidecar
_DEFAULT = Rules()


@dataclass(frozen=True)
class Found:
    """The position of a photo, which source told it (exif, xmp, takeout, gpx; ""), when it was taken (UTC).

    `flags` are what was mended, what else was wrong, and why there is no position.
    """

    position: Position | NoPosition
    source: str = ""
    taken: datetime | None = None
    flags: tuple[str, ...] = ()


def find(path: Path, rules: Rules = _DEFAULT) -> Found:
    """Where and when a photo was taken. A file that cannot be opened says nothing: its loader reports it."""
    try:
        header = read_header(path)
    except OSError:
        return Found(NoPosition("absent"))
    said: list[tuple[str, Position | NoPosition]] = [("exif", _of_exif(header, rules))]
    taken = _time_of_exif(header, rules)
    packets = [header.xmp, *(_sidecar(path, _xmp_names(path.name)) if rules.sidecars else ())]
    for packet in (read_xmp(each, rules) for each in packets if each):
        said.append(("xmp", packet.position))
        taken = taken or packet.taken
    for content in _sidecar(path, tuple(note_names(path.name))) if rules.sidecars else ():
        note = read_note(content, rules)
        if note is not None:
            said.append(("takeout", note.position))
            taken = taken or note.taken
            break
    if rules.gpx and taken is not None and not any(isinstance(each, Position) for _, each in said):
        from fieldglass_geo.gpx import read_gpx

        tracked = read_gpx(rules.gpx).at(taken, rules.max_gap)
        said.append(("gpx", tracked or NoPosition("absent", "The track does not tell where it was at that time.")))
    return _settled(said, taken)


def _of_exif(header: Header, rules: Rules) -> Position | NoPosition:
    if header.damaged:
        return NoPosition("unreadable")
    return position(header.tags.gps, rules) if header.tags else NoPosition("absent")


def _time_of_exif(header: Header, rules: Rules) -> datetime | None:
    if header.tags is None:
        return None
    assumed = offset_of(rules.offset) if rules.offset else None
    return received(header.tags.gps) or exposed(header.tags.taken, header.tags.offset, assumed)


def _settled(said: list[tuple[str, Position | NoPosition]], taken: datetime | None) -> Found:
    flags: list[str] = []
    chosen: tuple[str, Position] | None = None
    reason = NoPosition("absent")
    for source, each in said:
        if isinstance(each, Position):
            if chosen is None:
                chosen = source, each
                flags += each.flags
            elif _apart_km(chosen[1], each) > _CONFLICT_KM:
                flags.append(f"{chosen[0]}_{source}_conflict")
        elif each.reason != "absent":
            flags.append(each.reason)
            reason = each if reason.reason == "absent" else reason
        elif each.hint and reason.reason == "absent":
            reason = each
    unique = tuple(dict.fromkeys(flags))
    if chosen is None:
        return Found(reason, "", taken, unique)
    return Found(replace(chosen[1], flags=unique), chosen[0], taken, unique)


def _apart_km(one: Position, other: Position) -> float:
    import numpy as np

    from fieldglass.spatial.globe import distance_km

    return float(distance_km(one.lat, one.lon, np.array([other.lat]), np.array([other.lon]))[0])


def _xmp_names(name: str) -> tuple[str, ...]:
    stem = name.rpartition(".")[0] or name
    return tuple(dict.fromkeys(f"{each}{suffix}" for each in (name, stem) for suffix in (".xmp", ".XMP")))


def _sidecar(path: Path, names: Sequence[str]) -> list[bytes]:
    """The contents of the files of these names beside a photo; links and what is too large are passed over."""
    found = []
    folder = os.path.dirname(path)
    for name in names:
        beside = os.path.join(folder, name)
        try:
            seen = os.lstat(beside)
            if not stat.S_ISREG(seen.st_mode) or seen.st_size > _LARGEST:
                continue
            with open_regular(Path(beside)) as file:
                found.append(file.read(_LARGEST))
        except (OSError, ValueError):
            continue
    return found

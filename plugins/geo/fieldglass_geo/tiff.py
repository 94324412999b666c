"""The few directories of a TIFF structure that tell place and time, read without a decoder.

An EXIF block, a TIFF, a GeoTIFF and most camera raw files are one structure. Every length and offset is checked, so
that a hostile block costs nothing.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, Any

__all__ = ["Tags", "read_tags"]

GPS_IFD, EXIF_IFD, XMP = 0x8825, 0x8769, 0x02BC
_CHANGED, _TAKEN, _OFFSET_TAKEN = 0x0132, 0x9003, 0x9011
_MAIN = frozenset({GPS_IFD, EXIF_IFD, XMP, _CHANGED})
_EXIF = frozenset({_TAKEN, _OFFSET_TAKEN})
_GPS = frozenset(range(32))
_ENTRIES = 4096  # more entries has no directory that tells a place
_LONGEST = 1 << 20  # bytes of one value; an XMP packet is the longest
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_RATIONALS = {5: "I", 10: "i"}


@dataclass(frozen=True)
class Tags:
    """The GPS directory, the two texts of the time of exposure, and an XMP packet."""

    gps: dict[int, Any] = field(default_factory=dict)
    taken: str = ""
    offset: str = ""
    xmp: bytes = b""


def read_tags(source: bytes | IO[bytes]) -> Tags | None:
    """The tags of a TIFF structure that starts where the file stands; None where it is none or damaged."""
    file = BytesIO(source) if isinstance(source, bytes) else source
    try:
        return _Reader(file).tags()
    except (struct.error, ValueError, OSError, OverflowError):
        return None


class _Reader:
    """Offsets count from where the file stood at the start."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._start = file, file.tell()
        self._size = file.seek(0, os.SEEK_END) - self._start
        head = self._bytes(0, min(16, self._size))
        self._order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        if not self._order:
            raise ValueError("no TIFF structure")
        version = self._one("H", head[2:4])
        self._big = version == 43
        if self._big:
            self._first = self._one("Q", head[8:16])
        else:  # 42; raw files of some makers have a number of their own
            self._first = self._one("I", head[4:8])

    def tags(self) -> Tags:
        main = dict(self._directory(self._first, _MAIN))
        exif = self._within(main.get(EXIF_IFD), _EXIF)
        gps = self._within(main.get(GPS_IFD), _GPS)
        xmp = main.get(XMP, b"")
        taken = exif.get(_TAKEN) or main.get(_CHANGED)
        return Tags(gps, _text(taken), _text(exif.get(_OFFSET_TAKEN)), bytes(xmp) if isinstance(xmp, bytes) else b"")

    def _within(self, offset: Any, wanted: frozenset[int]) -> dict[int, Any]:
        """A directory that an entry points to; empty where it is damaged."""
        if not isinstance(offset, tuple) or not isinstance(offset[0], int):
            return {}
        try:
            return dict(self._directory(offset[0], wanted))
        except (struct.error, ValueError):
            return {}

    def _directory(self, offset: int, wanted: frozenset[int]) -> Iterator[tuple[int, Any]]:
        width, head, code = (20, 8, "Q") if self._big else (12, 2, "H")
        count = self._one(code, self._bytes(offset, head))
        if count > _ENTRIES:
            raise ValueError("too many entries")
        table = self._bytes(offset + head, count * width)
        for at in range(0, count * width, width):
            tag, kind = struct.unpack_from(self._order + "HH", table, at)
            if tag in wanted and kind in _SIZES:
                many = self._one("Q" if self._big else "I", table[at + 4 : at + (12 if self._big else 8)])
                value = self._value(kind, many, table[at + width - (8 if self._big else 4) : at + width])
                if value is not None:
                    yield tag, value

    def _value(self, kind: int, many: int, inline: bytes) -> Any:
        """bytes of the text and byte types, else a tuple of numbers; None where it lies outside of the block."""
        length = many * _SIZES[kind]
        if not 0 < length <= _LONGEST:
            return () if many == 0 else None
        if length > len(inline):
            offset = self._one("Q" if self._big else "I", inline)
            if offset + length > self._size:
                return None
            data = self._bytes(offset, length)
        else:
            data = inline[:length]
        if kind in _RATIONALS:
            parts = struct.unpack(f"{self._order}{2 * many}{_RATIONALS[kind]}", data)
            pairs = zip(parts[::2], parts[1::2], strict=True)
            return tuple(above / below if below else float("nan") for above, below in pairs)
        if kind in _CODES:
            return struct.unpack(f"{self._order}{many}{_CODES[kind]}", data)
        return data

    def _bytes(self, offset: int, length: int) -> bytes:
        if offset < 0 or offset + length > self._size:
            raise ValueError("outside of the block")
        self._file.seek(self._start + offset)
        return self._file.read(length)

    def _one(self, code: str, data: bytes) -> int:
        found: int = struct.unpack(self._order + code, data)[0]
        return found


def _text(value: Any) -> str:
    return value.split(b"\0")[0].decode("latin-1").strip() if isinstance(value, bytes) else ""

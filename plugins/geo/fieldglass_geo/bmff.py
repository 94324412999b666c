"""The EXIF block and XMP packet of a HEIC or AVIF file: boxes of ISO/IEC 14496-12, items of its `meta` box."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import IO

__all__ = ["bmff_blocks"]

_LONGEST = 1 << 24
_BOXES = 256
_ITEMS = 1 << 16


def bmff_blocks(file: IO[bytes]) -> tuple[bytes, bytes]:
    """(EXIF from its byte order or "Exif" on, XMP), empty where there is none. struct.error where boxes end early."""
    size = file.seek(0, os.SEEK_END)
    meta = _meta(file, size)
    if len(meta) < 4:
        return b"", b""
    boxes = dict(_boxes(meta[4:]))
    kinds = dict(_kinds(boxes.get(b"iinf", b"")))
    exif = xmp = b""
    for item, (in_meta, extents) in _places(boxes.get(b"iloc", b"")):
        kind = kinds.get(item)
        if kind is None or sum(length for _, length in extents) > _LONGEST:
            continue
        data = b"".join(_extent(file, size, boxes.get(b"idat", b"") if in_meta else None, *each) for each in extents)
        if kind == b"Exif" and len(data) > 4:
            exif = data[4 + int.from_bytes(data[:4], "big") :]
        elif kind == b"mime" and b"<x:xmpmeta" in data:
            xmp = data
    return exif, xmp


def _meta(file: IO[bytes], size: int) -> bytes:
    at = 0
    for _ in range(_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        length = int.from_bytes(head[:4], "big")
        start = 8
        if length == 1:
            length, start = int.from_bytes(head[8:16], "big"), 16
        length = length or size - at
        if length < start:
            break
        if head[4:8] == b"meta":
            if length > _LONGEST:
                break
            file.seek(at + start)
            return file.read(length - start)
        at += length
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if length < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + length]
        at += length


def _kinds(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Item number -> kind of the entries that matter."""
    if not iinf:
        return
    start = 6 if iinf[0] == 0 else 8
    for name, entry in _boxes(iinf[start:]):
        if name == b"infe" and len(entry) >= 12 and entry[0] >= 2:
            wide = entry[0] > 2
            item = struct.unpack_from(">I" if wide else ">H", entry, 4)[0]
            kind = entry[10:14] if wide else entry[8:12]
            if kind in (b"Exif", b"mime"):
                yield item, kind


def _places(iloc: bytes) -> Iterator[tuple[int, tuple[bool, list[tuple[int, int]]]]]:
    """Item number -> (whether offsets count in `idat`, its extents as offset and length)."""
    if not iloc:
        return
    version = iloc[0]
    offsets, lengths, bases, indexes = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4, iloc[5] & 15
    wide = ">I" if version == 2 else ">H"
    at = 6
    count = struct.unpack_from(wide, iloc, at)[0]
    at += struct.calcsize(wide)
    for _ in range(min(count, _ITEMS)):
        item = struct.unpack_from(wide, iloc, at)[0]
        at += struct.calcsize(wide)
        method = 0
        if version in (1, 2):
            method = struct.unpack_from(">H", iloc, at)[0] & 15
            at += 2
        at += 2
        base, at = _number(iloc, at, bases)
        many = struct.unpack_from(">H", iloc, at)[0]
        at += 2
        extents = []
        for _ in range(many):
            at += indexes if version in (1, 2) else 0
            offset, at = _number(iloc, at, offsets)
            length, at = _number(iloc, at, lengths)
            extents.append((base + offset, length))
        if method in (0, 1):
            yield item, (method == 1, extents)


def _number(data: bytes, at: int, width: int) -> tuple[int, int]:
    if at + width > len(data):
        raise struct.error("the box ends early")
    return int.from_bytes(data[at : at + width], "big"), at + width


def _extent(file: IO[bytes], size: int, idat: bytes | None, offset: int, length: int) -> bytes:
    if idat is not None:
        return idat[offset : offset + length]
    if offset + length > size:
        return b""
    file.seek(offset)
    return file.read(length)

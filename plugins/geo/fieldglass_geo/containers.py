"""Finds the EXIF block and the XMP packet of a picture file by its container; nothing is decoded.

JPEG, PNG, WebP, HEIC, AVIF, TIFF and raw files built on TIFF. A file is told by its content, never by its name.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fieldglass.loaders.paths import open_regular
from fieldglass_geo.bmff import bmff_blocks
from fieldglass_geo.tiff import Tags, read_tags

__all__ = ["SUFFIXES", "Header", "read_header"]

SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".hif",
        ".dng", ".cr2", ".nef", ".arw", ".orf", ".rw2", ".pef",
    }
)  # fmt: skip
_LONGEST = 1 << 24  # bytes of a block that is read
_SEGMENTS = 512  # of a JPEG before its picture, or chunks of another file
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"


@dataclass(frozen=True)
class Header:
    """What a header says: the tags of its EXIF block (None: it has none, or a damaged one) and an XMP packet."""

    tags: Tags | None = None
    xmp: bytes = b""
    damaged: bool = False


def read_header(path: Path) -> Header:
    """The header of a picture file; an empty one for a file of another kind. OSError where it cannot be opened."""
    with open_regular(path) as file:
        head = file.read(16)
        file.seek(0)
        if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIRO", b"IIRS", b"IIU\0", b"MMOR"):
            tags = read_tags(file)
            return Header(tags, tags.xmp if tags else b"", damaged=tags is None)
        exif, xmp = _blocks(file, head)
    if not exif:
        return Header(None, xmp)
    tags = read_tags(exif)
    return Header(tags, xmp or (tags.xmp if tags else b""), damaged=tags is None)


def _blocks(file: IO[bytes], head: bytes) -> tuple[bytes, bytes]:
    """(EXIF block from its byte order on, XMP packet), empty where there is none."""
    try:
        if head[:3] == b"\xff\xd8\xff":
            return _jpeg(file)
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return _png(file)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp(file)
        if head[4:8] == b"ftyp":
            exif, xmp = bmff_blocks(file)
            return _bare(exif), xmp
    except (struct.error, IndexError):  # it ends within a header
        pass
    return b"", b""


def _jpeg(file: IO[bytes]) -> tuple[bytes, bytes]:
    exif = xmp = b""
    file.seek(2)
    for _ in range(_SEGMENTS):
        marker = file.read(4)
        if len(marker) < 4 or marker[0] != 0xFF:
            break
        if marker[1] == 0xFF:  # filling
            file.seek(-3, os.SEEK_CUR)
            continue
        if marker[1] in (0xDA, 0xD9):  # the picture, or the end
            break
        length = int.from_bytes(marker[2:], "big") - 2
        if length < 0:
            break
        if marker[1] != 0xE1:
            file.seek(length, os.SEEK_CUR)
            continue
        data = file.read(length)
        if data[:5] == b"Exif\0":
            exif = exif or data[6:]
        elif data.startswith(_XMP):
            xmp = xmp or data[len(_XMP) :]
    return exif, xmp


def _png(file: IO[bytes]) -> tuple[bytes, bytes]:
    """eXIf and iTXt may stand after the picture, so all chunks are walked; their data is passed over."""
    exif = xmp = b""
    file.seek(8)
    for _ in range(1 << 16):
        chunk = file.read(8)
        if len(chunk) < 8 or chunk[4:] == b"IEND":
            break
        length = int.from_bytes(chunk[:4], "big")
        if chunk[4:] in (b"eXIf", b"iTXt") and length <= _LONGEST:
            data = file.read(length)
            file.seek(4, os.SEEK_CUR)
            if chunk[4:] == b"eXIf":
                exif = _bare(data)
            elif data.startswith(_PNG_XMP) and data[len(_PNG_XMP) : len(_PNG_XMP) + 1] == b"\0":
                xmp = data[len(_PNG_XMP) + 2 :].split(b"\0", 2)[-1]
        else:
            file.seek(length + 4, os.SEEK_CUR)
    return exif, xmp


def _webp(file: IO[bytes]) -> tuple[bytes, bytes]:
    exif = xmp = b""
    file.seek(12)
    for _ in range(_SEGMENTS):
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        length = int.from_bytes(chunk[4:], "little")
        if chunk[:4] in (b"EXIF", b"XMP ") and length <= _LONGEST:
            data = file.read(length)
            file.seek(length & 1, os.SEEK_CUR)
            if chunk[:4] == b"EXIF":
                exif = _bare(data)
            else:
                xmp = data
        else:
            file.seek(length + (length & 1), os.SEEK_CUR)
    return exif, xmp


def _bare(data: bytes) -> bytes:
    """Without the "Exif" that some writers put before the block."""
    return data[6:] if data[:5] == b"Exif\0" else data

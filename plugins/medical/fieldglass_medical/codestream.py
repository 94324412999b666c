"""The size that a compressed frame claims, from its first bytes: a decoder allocates by it, whatever DICOM says."""

from __future__ import annotations

__all__ = ["claimed_size"]

_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF0..15 of JPEG, SOF55 of JPEG-LS
_NO_LENGTH = {0x01, *range(0xD0, 0xD8)}


def claimed_size(frame: bytes) -> tuple[int, int, int] | None:
    """(rows, columns, components) of a JPEG, JPEG-LS or JPEG 2000 stream; None where it is none of them."""
    if frame[4:8] == b"jP  ":  # the boxes of a JP2 file around the stream
        start = frame.find(b"\xff\x4f\xff\x51")
        frame = frame[start:] if start >= 0 else b""
    if frame[:4] == b"\xff\x4f\xff\x51":
        return _siz(frame)
    return _sof(frame) if frame[:2] == b"\xff\xd8" else None


def _siz(frame: bytes) -> tuple[int, int, int] | None:
    if len(frame) < 42:
        return None
    width, height, left, top = (int.from_bytes(frame[at : at + 4], "big") for at in (8, 12, 16, 20))
    return height - top, width - left, int.from_bytes(frame[40:42], "big")


def _sof(frame: bytes) -> tuple[int, int, int] | None:
    at = 2
    while at + 9 < len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF or marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_MARKERS:
            rows = int.from_bytes(frame[at + 5 : at + 7], "big")
            return rows, int.from_bytes(frame[at + 7 : at + 9], "big"), frame[at + 9]
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None

"""Looks through the file meta elements (group 2, PS3.10 7.1) for a deflated transfer syntax, without parsing them."""

from __future__ import annotations

import struct
from typing import IO

from pydicom.uid import DeflatedExplicitVRLittleEndian

__all__ = ["may_be_deflated"]

_LONG = (b"OB", b"OW", b"UN", b"OF", b"OD", b"OL", b"OV", b"UT", b"UC", b"UR", b"SV", b"UV")
_SHORT = (b"UI", b"UL", b"SH", b"AE", b"US", b"CS", b"LO", b"ST", b"DA", b"TM", b"DT", b"PN", b"IS", b"DS", b"LT")
_SYNTAX = 0x0010
_MOST = 64  # elements; the standard names thirteen


def may_be_deflated(file: IO[bytes]) -> bool:
    """Whether the file, which stands behind its preamble, is deflated; True where only a parser could tell."""
    for _ in range(_MOST):
        head = file.read(8)
        if head[:2] != b"\x02\x00":
            return False  # the data set begins, or the file has ended
        if head[4:6] in _SHORT:
            length = int.from_bytes(head[6:8], "little")
        elif head[4:6] in _LONG:
            length = int.from_bytes(file.read(4), "little")
        else:
            return True
        value = file.read(length) if length < 1 << 20 else b""
        if len(value) < length:
            return True
        (element,) = struct.unpack("<H", head[2:4])
        if element == _SYNTAX and DeflatedExplicitVRLittleEndian.encode() in value:
            return True
    return True

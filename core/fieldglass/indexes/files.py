"""One file per index: a JSON header and a body, under one checksum, written atomically."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass.errors import DamagedError

__all__ = ["read", "write"]

MAGIC = b"FGIX\x01\n"
HINT = "It is derived from the vectors: build it again."


def write(path: Path, header: Mapping[str, Any], body: Sequence[np.ndarray[Any, Any]]) -> None:
    """Magic, crc32 of the rest, length of the header, header, body: to a temporary name, synced, renamed."""
    text = json.dumps(header).encode()
    arrays = [np.ascontiguousarray(part).tobytes() for part in body]
    parts = [len(text).to_bytes(4, "little"), text, *arrays]
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(MAGIC + crc.to_bytes(4, "little"))
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path, kind: str) -> tuple[dict[str, Any], memoryview]:
    """Header and body of an index of that kind; DamagedError where a byte is wrong or missing."""
    whole = memoryview(path.read_bytes())
    start = len(MAGIC) + 8
    if bytes(whole[: len(MAGIC)]) != MAGIC or len(whole) < start:
        raise DamagedError(f"{path} is not an index of Fieldglass.", hint=HINT)
    if zlib.crc32(whole[len(MAGIC) + 4 :]) != int.from_bytes(whole[len(MAGIC) : len(MAGIC) + 4], "little"):
        raise DamagedError(f"{path} does not match its checksum.", hint=HINT)
    length = int.from_bytes(whole[len(MAGIC) + 4 : start], "little")
    header: dict[str, Any] = json.loads(bytes(whole[start : start + length]))
    if header.get("kind") != kind:
        raise DamagedError(f"{path} holds an index of kind {header.get('kind')!r}, not {kind!r}.", hint=HINT)
    return header, whole[start + length :]

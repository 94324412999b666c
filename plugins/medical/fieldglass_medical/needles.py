"""Looks for many strings in many bytes at once: by their first eight bytes, then in full."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np

__all__ = ["LEAST", "Needles"]

LEAST = 5  # a shorter string stands everywhere
_WINDOW = 8
_CHUNK = 8 << 20


class Needles:
    """Strings to be found as they are written: UTF-8, Latin-1, or as JSON escapes them; ASCII letters of any case.

    One of fewer than eight bytes counts only where no letter stands before it: "other" is no part of "another".
    """

    def __init__(self, texts: Iterable[str]) -> None:
        forms: set[bytes] = set()
        for text in texts:
            forms |= {each for each in _forms(text.strip().lower()) if len(each) >= LEAST}
        short = sorted(each for each in forms if len(each) < _WINDOW)
        self._short = [(each, re.compile(rb"(?<![a-z])" + re.escape(each))) for each in short]
        self._long: dict[int, list[bytes]] = defaultdict(list)
        for each in forms:
            if len(each) >= _WINDOW:
                self._long[int.from_bytes(each[:_WINDOW], "little")].append(each)
        self._heads = np.array(sorted(self._long), dtype="<u8")
        self._most = max((len(each) for each in forms), default=0)
        self.count = len(forms)

    def search(self, file: IO[bytes], *, noise: bool = False) -> int:
        """How many of them stand in an open file; in `noise` (vectors, pictures) only those of eight bytes or more."""
        found: set[bytes] = set()
        kept = b""
        while chunk := file.read(_CHUNK):
            content = kept + chunk.lower()
            found.update(self._in(content, noise))
            kept = content[-self._most :] if self._most else b""
        return len(found)

    def _in(self, content: bytes, noise: bool) -> Iterator[bytes]:
        if not noise:
            yield from (each for each, alone in self._short if each in content and alone.search(content))
        if not len(self._heads) or len(content) < _WINDOW:
            return
        view = np.frombuffer(content, dtype=np.uint8)
        for offset in range(_WINDOW):
            size = (len(view) - offset) // _WINDOW
            heads = view[offset : offset + size * _WINDOW].view("<u8")
            near = np.minimum(np.searchsorted(self._heads, heads), len(self._heads) - 1)
            for place in np.flatnonzero(self._heads[near] == heads).tolist():
                at = offset + place * _WINDOW
                yield from (each for each in self._long[int(heads[place])] if content.startswith(each, at))


def _forms(text: str) -> Iterator[bytes]:
    yield text.encode("utf-8", "surrogatepass")
    if not text.isascii():
        yield text.encode("latin-1", "ignore")
        yield "".join(each if each.isascii() else f"\\u{ord(each):04x}" for each in text).encode("ascii", "ignore")

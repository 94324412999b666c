"""Tells whether a text file is UTF-8; spreadsheets often write the code page of Windows instead."""

from __future__ import annotations

import codecs
from pathlib import Path

__all__ = ["FALLBACK", "encoding_of"]

FALLBACK = "cp1252"
_BLOCK = 1 << 20
_TEXT = (".csv", ".txt", ".tsv", ".tab", ".jsonl", ".ndjson")


def encoding_of(path: Path) -> str:
    """ "utf-8", which stands for UTF-16 with its mark too, else `FALLBACK`. OSError where it cannot be read."""
    if path.suffix.lower() not in _TEXT:
        return "utf-8"
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(path, "rb") as file:
        block = file.read(_BLOCK)
        if block[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-8"
        try:
            while block:
                decoder.decode(block)
                block = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return FALLBACK
    return "utf-8"

"""What every page writes the same way: escaped text, and pictures as data URIs."""

from __future__ import annotations

import base64
from html import escape

__all__ = ["image", "text"]


def image(data: bytes | None, alt: str) -> str:
    """A preview as a data URI; without one, a box that says so."""
    if not data:
        return f'<div class="blank" role="img" aria-label="{text(alt)}, without a preview">no preview</div>'
    return f'<img alt="{text(alt)}" src="data:{_media(data)};base64,{base64.b64encode(data).decode()}">'


def _media(data: bytes) -> str:
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/png" if data.startswith(b"\x89PNG") else "image/webp"


def text(value: str) -> str:
    """Escaped for text and attributes; control characters and bidirectional overrides are dropped."""
    return escape("".join(c for c in value if c.isprintable() or c in "\n\t "), quote=True)

"""Brings the pictures of a feed here: the only part of Fieldglass for shops that downloads."""

from __future__ import annotations

__all__: list[str] = []

"""Published protocols of remote sensing."""

from __future__ import annotations

__all__: list[str] = []

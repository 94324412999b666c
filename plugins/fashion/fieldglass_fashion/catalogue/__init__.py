"""What a shop exports, read row by row: whose columns they are, what a price says, where the pictures lie."""

from __future__ import annotations

__all__: list[str] = []

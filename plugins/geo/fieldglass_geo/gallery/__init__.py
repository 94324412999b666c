"""Galleries of places: points of photos, tables and files of shapes, or a grid over a polygon."""

from __future__ import annotations

__all__: list[str] = []

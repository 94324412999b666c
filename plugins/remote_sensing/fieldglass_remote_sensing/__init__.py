"""Fieldglass for satellite and aerial scenes: GeoTIFF with bands, no-data and positions."""

from __future__ import annotations

__all__: list[str] = []

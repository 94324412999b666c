"""Fieldglass for places: where a photo was taken, as columns to filter by."""

from __future__ import annotations

__all__: list[str] = []

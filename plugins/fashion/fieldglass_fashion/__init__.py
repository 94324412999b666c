"""Fieldglass for shops: catalogues of products with prices and several pictures each."""

from __future__ import annotations

__all__: list[str] = []

"""Readers of fashion's benchmarks; FashionIQ itself is the core's."""

from __future__ import annotations

__all__: list[str] = []

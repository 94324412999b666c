"""Readers of medical benchmarks in the layout of their official files."""

from __future__ import annotations

__all__: list[str] = []

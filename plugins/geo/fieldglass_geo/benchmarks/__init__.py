"""Benchmarks of locating photographs, as their papers run them."""

from __future__ import annotations

__all__: list[str] = []

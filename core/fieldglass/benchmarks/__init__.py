"""Published protocols: their official files, galleries, queries, metrics and submission files."""

from __future__ import annotations

from fieldglass.benchmarks.cards import BenchmarkCard, Row, card, cards

__all__ = ["BenchmarkCard", "Row", "card", "cards"]

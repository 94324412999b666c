"""The small encoder of the contract kits, under the name that the core's tests use."""

from __future__ import annotations

from fieldglass.testing.tiny import WORDS, TinyEncoder

__all__ = ["WORDS", "TinyEncoder"]

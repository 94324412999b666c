"""Where a picture was taken: probabilities over places, one best point, and a radius of uncertainty."""

from __future__ import annotations

__all__: list[str] = []

"""BLIP-2 and FashionBLIP-2: our implementation, on the weights of `Blip2ForImageTextRetrieval` and of LAVIS."""

from __future__ import annotations

__all__: list[str] = []

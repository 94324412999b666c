"""What identifies a vector space: weights, preprocessing, precision and options."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["fingerprint"]


def fingerprint(name: str, **parts: Any) -> str:
    """`name` and 128 bits of sha256 over the JSON of the parts."""
    content = json.dumps(parts, sort_keys=True, default=str)
    return f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:32]}"

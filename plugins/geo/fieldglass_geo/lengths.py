"""Lengths as people write them: "50km", "800 m", "2.5"."""

from __future__ import annotations

import math
import re

from fieldglass.errors import UsageError

__all__ = ["kilometres"]

_FORM = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(km|m|mi|nmi)?\s*", re.IGNORECASE)
_KM = {"km": 1.0, "m": 0.001, "mi": 1.609344, "nmi": 1.852}


def kilometres(text: str, option: str) -> float:
    """A length in km, which is also the unit of a bare number. UsageError where it is none, or not above 0."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"{option} takes a length, not {text!r}.", hint="Say 50km, 800m or 2.5 (km).")
    found = float(match[1]) * _KM[(match[2] or "km").lower()]
    if not (math.isfinite(found) and found > 0):
        raise UsageError(f"{option} must be above 0, not {text!r}.")
    return found

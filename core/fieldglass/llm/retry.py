"""When a request that failed is made again, and after how long."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["passing", "pause", "wanted_pause"]

_LONGEST = 30.0
_PASSING = frozenset({408, 425, 429})


def passing(status: int) -> bool:
    """Whether another try may go better: too many requests, and the server's own faults; no other 4xx."""
    return status in _PASSING or status >= 500


def pause(attempt: int, base_s: float) -> float:
    """Seconds before the try after `attempt` (from 0): twice as long each time, and somewhere in its upper half.

    The jitter keeps clients that failed together from coming back together.
    """
    return min(_LONGEST, base_s * 2.0**attempt) * random.uniform(0.5, 1.0)


def wanted_pause(retry_after: str) -> float | None:
    """The seconds that a Retry-After header asks for, as a number or as a date; None where it asks for nothing."""
    text = retry_after.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())

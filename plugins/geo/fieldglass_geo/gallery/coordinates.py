"""One coordinate as people write it, to degrees: 55.6761, "55,6761", "55.6761° N", "55°40'34\" N", "S 33 52 7.7"."""

from __future__ import annotations

import math
import re
from typing import Any

__all__ = ["degrees"]

_NUMBER = r"\d+(?:[.,]\d+)?"
_FORM = re.compile(
    rf"(?P<before>[A-Za-z])?\s*(?P<sign>[+-])?\s*(?P<d>{_NUMBER})\s*(?:°|º|deg|d)?"
    rf"(?:[\s:]*(?P<m>{_NUMBER})\s*(?:'|′|’|min|m)?)?"
    rf"(?:[\s:]*(?P<s>{_NUMBER})\s*(?:\"|″|”|''|sec|s)?)?\s*(?P<after>[A-Za-z])?"
)
_LIMIT = {"NS": 90.0, "EW": 360.0}


def degrees(value: Any, letters: str, *, limit: bool = True) -> float:
    """A cell to signed degrees; `letters` is "NS" for a latitude or "EW" for a longitude.

    Without `limit` a bare number may be any: metres of a reference system.

    ValueError with the reason: it is empty, no number, out of range, or has a sign and a letter that disagree.
    """
    if isinstance(value, bool) or value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError("it is empty" if not isinstance(value, bool) else "it is no number")
    found = _written(value, letters) if isinstance(value, str) else float(value)
    if not math.isfinite(found):
        raise ValueError("it is no finite number")
    if limit and abs(found) > _LIMIT[letters]:
        raise ValueError(f"{found:g} is out of range")
    return found


def _written(text: str, letters: str) -> float:
    plain = text.strip().replace("−", "-")
    try:
        return float(plain)
    except ValueError:
        pass
    match = _FORM.fullmatch(plain)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no coordinate")
    parts = [float((match[name] or "0").replace(",", ".")) for name in ("d", "m", "s")]
    letter = (match["before"] or match["after"] or letters[0]).upper()
    if letter == "O" and letters == "EW":  # Ost, in German
        letter = "E"
    if letter not in letters or (match["before"] and match["after"]):
        raise ValueError(f"{text[:40]!r} has another letter than {' or '.join(letters)}")
    if parts[1] >= 60 or parts[2] >= 60:
        raise ValueError(f"{text[:40]!r} has 60 minutes or seconds, or more")
    found = parts[0] + parts[1] / 60 + parts[2] / 3600
    if match["sign"] == "-" and (match["before"] or match["after"]):
        if letter == letters[0]:
            raise ValueError(f"{text[:40]!r} has a minus and the letter {letter}")
        return -found
    return -found if match["sign"] == "-" or letter == letters[1] else found

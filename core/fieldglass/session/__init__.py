"""Search in several turns: say what you look for, then correct it by words, pictures, marks and filters.

session = Session(fieldglass.open("shop.collection"))
session.start(text="a summer dress")
session.refine(like=3, not_like=7)
"""

from __future__ import annotations

from fieldglass.session.session import Session
from fieldglass.session.turn import Given, Turn

__all__ = ["Given", "Session", "Turn"]

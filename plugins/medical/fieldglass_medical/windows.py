"""The windows that Hounsfield units are looked at through, by name or as "centre,width"."""

from __future__ import annotations

import math
from difflib import get_close_matches

from fieldglass.errors import UsageError

__all__ = ["PRESETS", "parse_window"]

PRESETS: dict[str, tuple[float, float]] = {
    "abdomen": (60.0, 400.0),
    "angio": (300.0, 600.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
    "liver": (60.0, 160.0),
    "lung": (-600.0, 1500.0),
    "mediastinum": (50.0, 350.0),
    "soft": (40.0, 400.0),
    "spine": (50.0, 250.0),
    "subdural": (75.0, 215.0),
}


def parse_window(text: str) -> tuple[float, float]:
    """Centre and width in Hounsfield units of a preset's name or of "C,W". UsageError for anything else."""
    name = text.strip().lower()
    if name in PRESETS:
        return PRESETS[name]
    parts = name.replace("\\", ",").split(",")
    try:
        center, width = (float(part) for part in parts)
    except ValueError:
        near = get_close_matches(name, PRESETS, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(
            f"{text!r} is no window.{meant}", hint=f"Give {', '.join(PRESETS)}, or centre and width as in -600,1500."
        ) from None
    if not (math.isfinite(center) and math.isfinite(width) and width >= 1):
        raise UsageError(f"{text!r} is no window: its width must be 1 or more.", hint="For instance 40,400.")
    return center, width

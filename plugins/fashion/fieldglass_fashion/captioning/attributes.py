"""What is said of one garment: a few named attributes, read with suspicion from what a model answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["ATTRIBUTES", "Described", "read_attributes"]

Described = Mapping[str, str]

ATTRIBUTES = (
    "category", "colour", "pattern", "material", "fit", "length", "sleeves", "neckline", "closure", "details", "style"
)  # fmt: skip
_ALSO = {"color": "colour", "sleeve": "sleeves", "sleeve_length": "sleeves", "neck": "neckline", "fabric": "material"}
_NOTHING = {"", "none", "null", "n/a", "na", "unknown", "not visible", "invisible", "unclear", "not applicable", "-"}
_LONGEST = 80  # letters of one attribute
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def read_attributes(answer: str) -> dict[str, str]:
    """The attributes of a JSON object somewhere in the answer; {} where there is none, or none that is known."""
    start, end = answer.find("{"), answer.rfind("}")
    if start < 0 or end < start or end - start > 20_000:
        return {}
    try:
        found = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    kept: dict[str, str] = {}
    for key, value in found.items():
        name = str(key).strip().lower().replace(" ", "_")
        name = _ALSO.get(name, name)
        said = _line(value)
        if name in ATTRIBUTES and said.lower() not in _NOTHING:
            kept[name] = said
    return {name: kept[name] for name in ATTRIBUTES if name in kept}


def _line(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(str(each) for each in value[:8] if isinstance(each, str | int | float))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(_CONTROL.sub(" ", str(value)).split())[:_LONGEST].strip()

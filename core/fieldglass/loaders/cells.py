"""Gives the text of table columns a type: int, float, bool, date or text, the same for a whole column.

A column is a number only if every cell is: one size "M" keeps "38" text, and so does a leading zero,
which is a code. "", "NA", "n/a", "nan", "null" and "none" are missing values of such a column.
Numbers are written 1299.5 or, where a table has decimal commas, 1299,5 and 1.299,50.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

__all__ = ["ColumnTypes", "fitted"]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_INT = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?((0|[1-9][0-9]*)|[1-9][0-9]{0,2}(\.[0-9]{3})+)(,[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?")
_KINDS = ("bool", "int", "float", "comma", "date")


class ColumnTypes:
    """Sees every row once (`see`), then converts rows (`typed`).

    :param decimals: the marks that numbers may have, "." or "," or both; the point is tried first.
    """

    def __init__(self, decimals: str = ".") -> None:
        self._decimals = decimals
        self._open: dict[str, set[str]] = {}

    def see(self, cells: Mapping[str, Any]) -> None:
        """Narrow the types that each column may have."""
        for name, value in cells.items():
            kinds = self._open.get(name)
            if kinds is None:
                kinds = self._open[name] = set(_KINDS)
            if kinds and not _missing(value):
                kinds &= _possible(value, self._decimals)

    def typed(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        """The cells as int, float, bool, date, datetime or str; those without a value are left out."""
        found = {}
        for name, value in cells.items():
            convert = self._converter(name)
            if convert is None:
                if value not in (None, ""):
                    found[name] = _text(value)
            elif not _missing(value):
                found[name] = convert(value)
        return found

    def _converter(self, name: str) -> Callable[[Any], Any] | None:
        kinds = self._open.get(name, set())
        for kind in _KINDS:
            if kind in kinds:
                return _CONVERT[kind]
        return None


def _missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def fitted(text: str, kind: str) -> Any:
    """A text as a value of a column of that kind, a float in one of int too; None where it is none."""
    possible = _possible(text, ".")
    fit = kind if kind in possible else "float" if kind == "int" and "float" in possible else ""
    return _CONVERT[fit](text) if fit else None


def _possible(value: Any, decimals: str) -> set[str]:
    if isinstance(value, bool):
        return {"bool"}
    if isinstance(value, int):
        return {"int", "float", "comma"} if abs(value) < 1 << 63 else {"float", "comma"}
    if isinstance(value, float):
        return {"float", "comma"}
    if isinstance(value, date):
        return {"date"}
    if not isinstance(value, str):
        return set()
    text = value.strip()
    if text.lower() in ("true", "false"):
        return {"bool"}
    if _INT.fullmatch(text):
        return {"int", "float", "comma"}
    numbers = set()
    if "." in decimals and _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        numbers.add("float")
    if "," in decimals and _COMMA.fullmatch(text):
        numbers.add("comma")
    if numbers:
        return numbers
    if (_DATE.fullmatch(text) or _TIME.fullmatch(text)) and _date(text) is not None:
        return {"date"}
    return set()


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


def _bool(value: Any) -> bool:
    return value.strip().lower() == "true" if isinstance(value, str) else bool(value)


def _int(value: Any) -> int:
    return int(value)


def _float(value: Any) -> float:
    return float(value)


def _comma(value: Any) -> float:
    return float(value.replace(".", "").replace(",", ".")) if isinstance(value, str) else float(value)


def _when(value: Any) -> Any:
    return _date(value.strip()) if isinstance(value, str) else value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "bool": _bool, "int": _int, "float": _float, "comma": _comma, "date": _when,
}  # fmt: skip

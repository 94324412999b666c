"""Comparisons of a filter with numbers, answered from columns in memory once SQL has been asked often enough.

`price < 50 AND category = 'dress'` is parted into its comparison and the rest. SQL answers the whole until it has
spent on such filters what reading the column costs; then the column is read once, and SQL has only the rest, whose
answer is kept while prices vary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fieldglass.store.records import Column
    from fieldglass.types import F64, Bitmap

__all__ = ["Comparison", "Numbers", "parted"]

_SIGNS = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "==": eq}
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+|\S""")
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+))"
_COMPARED = re.compile(rf"(?a)\s*([^\W\d]\w*)\s*(<=|>=|==|<|>|=)\s*{_NUMBER}\s*")
_WITHIN = re.compile(rf"(?ai)\s*([^\W\d]\w*)\s+BETWEEN\s+{_NUMBER}\s+AND\s+{_NUMBER}\s*")
_DIGITS = 15  # of a number that every reader takes for the same float64
_EXACT = 2.0**53
_ROW_S = 2e-6  # to read one row of a column


@dataclass(frozen=True)
class Comparison:
    """`column sign value`, of a column of numbers."""

    column: str
    sign: str
    value: float


def parted(where: str, columns: Mapping[str, Column]) -> tuple[list[Comparison], str]:
    """The comparisons that a filter is joined from by AND, and the rest of it, "" for none.

    A filter that is anything else than terms joined by AND is the rest, whole.
    """
    names = {name.lower(): name for name, each in columns.items() if each.type in ("float", "int") and each.sql == name}
    found: list[Comparison] = []
    rest = []
    for term in _terms(where):
        mine = _compared(term, names)
        found += mine
        rest += [] if mine else [term.strip()]
    return (found, " AND ".join(rest)) if found else ([], where)


class Numbers:
    """The columns in memory, and what SQL has spent on filters that compare them. For one thread at a time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._spent: dict[str, float] = {}
        self._held: dict[str, F64 | None] = {}

    def spent(self, comparisons: Sequence[Comparison], seconds: float) -> None:
        """SQL took so long over a filter with these comparisons."""
        for name in {each.column for each in comparisons}:
            self._spent[name] = self._spent.get(name, 0.0) + seconds

    def bitmap(self, comparisons: Sequence[Comparison], read: Callable[[Sequence[str]], F64]) -> Bitmap | None:
        """(size,) bool, True where all hold; None where SQL is still the cheaper way to know, or the only one.

        `read` gives (size, n) float64 of n columns, NaN where an item has none or is gone.
        """
        found: Bitmap | None = None
        for each in comparisons:
            column = self._column(each.column, read)
            if column is None:
                return None
            holds = _SIGNS[each.sign](column, each.value)
            found = holds if found is None else found & holds
        return found

    def _column(self, name: str, read: Callable[[Sequence[str]], F64]) -> F64 | None:
        if name not in self._spent or self._spent[name] < _ROW_S * self._size:
            return None
        if name not in self._held:
            column = np.ascontiguousarray(read([name])[:, 0])
            there = column[~np.isnan(column)]
            self._held[name] = column if not there.size or np.abs(there).max() < _EXACT else None
        return self._held[name]


def _terms(where: str) -> list[str]:
    """The terms joined by AND; the filter alone where it is joined otherwise, or not well formed."""
    terms, start, depth, within = [], 0, 0, False
    for match in _TOKEN.finditer(where):
        token = match.group().upper()
        depth += (token == "(") - (token == ")")
        if depth < 0 or token in ("'", '"', "`", "[", ";") or (depth == 0 and token in ("OR", "CASE")):
            return [where]
        if depth == 0 and token == "BETWEEN":
            within = True
        elif depth == 0 and token == "AND" and within:
            within = False
        elif depth == 0 and token == "AND":
            terms.append(where[start : match.start()])
            start = match.end()
    terms.append(where[start:])
    return terms if depth == 0 and all(each.strip() for each in terms) else [where]


def _compared(term: str, names: Mapping[str, str]) -> list[Comparison]:
    if match := _COMPARED.fullmatch(term):
        name, sign, number = match.groups()
        bounds = [(sign, number)]
    elif match := _WITHIN.fullmatch(term):
        name, low, high = match.groups()
        bounds = [(">=", low), ("<=", high)]
    else:
        return []
    if name.lower() not in names or any(sum(map(str.isdigit, number)) > _DIGITS for _, number in bounds):
        return []
    return [Comparison(names[name.lower()], sign, float(number)) for sign, number in bounds]

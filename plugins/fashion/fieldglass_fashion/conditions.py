"""Filters of a shop: price, size, stock and category as one SQL condition, applied before anything is ranked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError

if TYPE_CHECKING:
    from fieldglass.store import Snapshot

__all__ = ["Wanted", "condition"]


@dataclass(frozen=True)
class Wanted:
    """What a customer asks for besides the look.

    Prices are in `currency`, which must be said where a collection has several. An article without a price is left
    out where a price is asked for, unless `keep_missing`.
    """

    min_price: float | None = None
    max_price: float | None = None
    currency: str = ""
    category: str = ""
    size: str = ""
    color: str = ""
    brand: str = ""
    in_stock: bool = False
    keep_missing: bool = False


def condition(wanted: Wanted, snapshot: Snapshot, where: str | None = None) -> str | None:
    """The condition, joined with the user's own; None for none. FilterError where it would compare currencies."""
    parts = [f"({where})"] if where else []
    _price(parts, wanted, snapshot, where or "")
    for name in ("size", "color", "brand"):
        if value := getattr(wanted, name):
            _has(snapshot, name)
            parts.append(f"{name} LIKE {_like(value)}")
    if wanted.category:
        parts.append(_category(wanted.category, snapshot))
    if wanted.in_stock:
        _has(snapshot, "in_stock")
        parts.append("in_stock")
    return " AND ".join(parts) or None


def _price(parts: list[str], wanted: Wanted, snapshot: Snapshot, where: str) -> None:
    bounds = []
    for value, sign in ((wanted.min_price, ">="), (wanted.max_price, "<=")):
        if value is not None:
            if not np.isfinite(value) or value < 0:
                raise FilterError(f"A price of {value} cannot be.")
            bounds.append(f"price {sign} {value!r}")
    if bounds:
        _has(snapshot, "price")
        within = " AND ".join(bounds)
        parts.append(f"({within} OR price IS NULL)" if wanted.keep_missing else within)
    if wanted.currency:
        _has(snapshot, "currency")
        parts.append(f"currency = {_quoted(wanted.currency.upper())}")
    elif (bounds or re.search(r"(?i)\bprice\b", where)) and not re.search(r"(?i)\bcurrency\b", where):
        _one_currency(snapshot)


def _one_currency(snapshot: Snapshot) -> None:
    if "currency" not in snapshot.columns:
        return
    priced = snapshot.select("currency IS NOT NULL")
    if not len(priced):
        return
    first = snapshot.metadata(priced[:1])[0]["currency"]
    others = snapshot.select(f"currency <> {_quoted(first)}")
    if len(others):
        other = snapshot.metadata(others[:1])[0]["currency"]
        raise FilterError(
            f"Prices are in {first} and in {other}, which cannot be compared.", hint=f"Add --currency {first}."
        )


def _category(category: str, snapshot: Snapshot) -> str:
    """Whatever lies at or below it: "Women" finds "Home > Women > Dresses"."""
    _has(snapshot, "category")
    found = f"category LIKE {_like(category)}"
    if "category_path" not in snapshot.columns:
        return found
    return f"({found} OR '> ' || category_path || ' >' LIKE {_like(category, '%> ', ' >%')})"


def _has(snapshot: Snapshot, name: str) -> None:
    if name not in snapshot.columns:
        raise FilterError(
            f"The collection has no column {name!r}.", hint=f"It has: {', '.join(sorted(snapshot.columns))}."
        )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _like(value: str, before: str = "", after: str = "") -> str:
    """A pattern that ignores case; what stands for any character in the value is taken as itself."""
    return _quoted(before + re.sub(r"([\\%_])", r"\\\1", value) + after) + " ESCAPE '\\'"

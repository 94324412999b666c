"""Filters of a shop: price, size, stock and category as one SQL condition, applied before anything is ranked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError
from fieldglass_fashion.catalogue.cells import LEVELS

if TYPE_CHECKING:
    from fieldglass.store import Snapshot

__all__ = ["Wanted", "condition", "in_words"]


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
            parts.append(f"{name} IN ({_cases(value)})")
    if wanted.category:
        parts.append(_category(wanted.category, snapshot))
    if wanted.in_stock:
        _has(snapshot, "in_stock")
        parts.append("in_stock")
    return (where if where and len(parts) == 1 else " AND ".join(parts)) or None


def in_words(wanted: Wanted, where: str | None = None) -> str:
    """ "Dresses, size 38, 20 to 60 EUR, in stock", for people; "" for nothing, and where the user's own SQL is all."""
    least, most = (
        f"{each:,.2f}".removesuffix(".00") if each is not None else "" for each in (wanted.min_price, wanted.max_price)
    )
    currency = f" {wanted.currency.upper()}" if wanted.currency else ""
    price = (
        f"{least} to {most}" if least and most else f"at least {least}" if least else f"at most {most}" if most else ""
    )
    parts = [wanted.category, wanted.brand, wanted.color, f"size {wanted.size}" if wanted.size else ""]
    parts.append(f"{price}{currency}" if price else f"prices in{currency}" if currency else "")
    parts.append("or without a price" if price and wanted.keep_missing else "")
    parts.append("in stock" if wanted.in_stock else "")
    said = ", ".join(filter(None, parts))
    return f"{said}, where {where}" if said and where else said


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
    first = _first_currency(snapshot)
    if not first:
        return
    others = snapshot.select(f"currency < {_quoted(first)} OR currency > {_quoted(first)}")  # by its index
    if len(others):
        other = snapshot.metadata(others[:1])[0]["currency"]
        raise FilterError(
            f"Prices are in {first} and in {other}, which cannot be compared.",
            hint=f"Add --currency {first} or --currency {other}.",
        )


def _first_currency(snapshot: Snapshot) -> str:
    some = [cells["currency"] for cells in snapshot.metadata(snapshot.live_positions()[:64]) if "currency" in cells]
    if some:
        return str(some[0])
    priced = snapshot.select("currency > ''")
    return str(snapshot.metadata(priced[:1])[0]["currency"]) if len(priced) else ""


def _category(category: str, snapshot: Snapshot) -> str:
    """Whatever lies at or below it: "Women" finds "Home > Women > Dresses"."""
    _has(snapshot, "category")
    levels = [name for name in (f"category_{n}" for n in range(1, LEVELS + 1)) if name in snapshot.columns]
    cases = _cases(category)
    return "(" + " OR ".join(f"{name} IN ({cases})" for name in ("category", *levels)) + ")"


def _has(snapshot: Snapshot, name: str) -> None:
    if name not in snapshot.columns:
        raise FilterError(
            f"The collection has no column {name!r}.", hint=f"It has: {', '.join(sorted(snapshot.columns))}."
        )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _cases(value: str) -> str:
    """A value as it is, and in the cases that catalogues write: an index finds each, which LIKE would not use."""
    found = dict.fromkeys((value, value.lower(), value.upper(), value.capitalize(), value.title()))
    return ", ".join(map(_quoted, found))

"""Prices as shops write them, to a number and a currency."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

__all__ = ["decimal_marks", "price"]

_SYMBOLS = {"€": "EUR", "£": "GBP"}  # "$", "¥" and "kr" stand for several currencies and stay
_NUMBER = re.compile(r"[0-9](?:[0-9.,' \u00a0\u202f]*[0-9])?")
_CURRENCY = re.compile(r"[A-Z]{3}|KR|[€£$¥]")
_DECIMALS = re.compile(r"[0-9]([.,])[0-9]{1,2}(?![0-9.,])")


def price(text: Any, decimal: str = "") -> tuple[Decimal, str] | None:
    """ "1.299,00 €" -> (Decimal("1299.00"), "EUR"); "" for no currency; None where it is no price.

    :param text: a cell; a number is taken as it is.
    :param decimal: the decimal mark, "." or ",". Without it the last separator is decimal unless it stands before
        exactly three digits or occurs several times.
    """
    if isinstance(text, (int, float, Decimal)) and not isinstance(text, bool):
        return (Decimal(str(text)), "") if math.isfinite(text) and text >= 0 else None
    text = str(text)
    number = _NUMBER.search(text)
    rest = text[: number.start()] + " " + text[number.end() :] if number else ""
    currency = _CURRENCY.findall(rest.upper())
    if number is None or len(currency) > 1 or _CURRENCY.sub("", rest.upper()).strip():
        return None
    value = _marked(number.group(), decimal) if decimal else _decimal(number.group())
    found = currency[0] if currency else ""
    return None if value is None else (value, _SYMBOLS.get(found, found))


def decimal_marks(text: Any) -> str:
    """The mark that can only be decimal in a price, "." or ","; "" where it tells none ("1,299", "12")."""
    if not isinstance(text, str):
        return ""
    number = _NUMBER.search(text)
    match = _DECIMALS.search(number.group()) if number else None
    return match[1] if match and match.end() == len(number.group()) else ""  # type: ignore[union-attr]


def _decimal(number: str) -> Decimal:
    marks = [mark for mark in number if mark in ".,"]
    last = number.rfind(marks[-1]) if marks else -1
    digits = re.sub(r"[^0-9]", "", number)
    decimals = len(re.sub(r"[^0-9]", "", number[last + 1 :])) if marks else 0
    if not marks or marks.count(marks[-1]) > 1 or (decimals == 3 and len(set(marks)) == 1):
        return Decimal(digits)
    return Decimal(f"{digits[: len(digits) - decimals] or '0'}.{digits[len(digits) - decimals :]}")


def _marked(number: str, decimal: str) -> Decimal | None:
    """With a decimal mark that is known; None where it occurs twice, or before the other one."""
    whole, mark, part = number.partition(decimal)
    if re.search(r"[^0-9]", part):
        return None
    digits = re.sub(r"[^0-9]", "", whole)
    return Decimal(f"{digits or '0'}{'.' if mark else ''}{part}")

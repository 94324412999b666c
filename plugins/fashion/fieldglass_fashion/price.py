"""Prices as shops write them, to a number and a currency."""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["price"]

_SYMBOLS = {"€": "EUR", "£": "GBP"}  # "$", "¥" and "kr" stand for several currencies and stay
_NUMBER = re.compile(r"[0-9](?:[0-9.,' \u00a0\u202f]*[0-9])?")
_CURRENCY = re.compile(r"[A-Z]{3}|KR|[€£$¥]")


def price(text: str) -> tuple[Decimal, str] | None:
    """ "1.299,00 €" -> (Decimal("1299.00"), "EUR"); "" for no currency; None where it is no price.

    The last separator is decimal unless it stands before exactly three digits or occurs several times.
    """
    number = _NUMBER.search(text)
    rest = text[: number.start()] + " " + text[number.end() :] if number else ""
    currency = _CURRENCY.findall(rest.upper())
    if number is None or len(currency) > 1 or _CURRENCY.sub("", rest.upper()).strip():
        return None
    found = currency[0] if currency else ""
    return _decimal(number.group()), _SYMBOLS.get(found, found)


def _decimal(number: str) -> Decimal:
    marks = [mark for mark in number if mark in ".,"]
    last = number.rfind(marks[-1]) if marks else -1
    digits = re.sub(r"[^0-9]", "", number)
    decimals = len(re.sub(r"[^0-9]", "", number[last + 1 :])) if marks else 0
    if not marks or marks.count(marks[-1]) > 1 or (decimals == 3 and len(set(marks)) == 1):
        return Decimal(digits)
    return Decimal(f"{digits[: len(digits) - decimals] or '0'}.{digits[len(digits) - decimals :]}")

"""Prices as shops write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fieldglass_fashion.price import price


@pytest.mark.parametrize(
    ("text", "number", "currency"),
    [
        ("19.90 EUR", "19.90", "EUR"),
        ("19,90 €", "19.90", "EUR"),
        ("EUR 19.90", "19.90", "EUR"),
        ("£0.99", "0.99", "GBP"),
        ("$1,299.00", "1299.00", "$"),
        ("1.299,00", "1299.00", ""),
        ("1 299,00 kr", "1299.00", "KR"),
        ("1'299.50 CHF", "1299.50", "CHF"),
        ("1,299", "1299", ""),
        ("1.299.000", "1299000", ""),
        ("1.234.567,8", "1234567.8", ""),
        ("12", "12", ""),
        ("19,9", "19.9", ""),
        ("19.90\u00a0€", "19.90", "EUR"),
        ("0", "0", ""),
    ],
)
def test_a_price_is_read(text, number, currency):
    assert price(text) == (Decimal(number), currency)


NO_PRICES = ("", "free", "-5", "5-10", "12 EUR USD", ".5", "NaN", "call us", "€", "19.90 EUR per m")


@pytest.mark.parametrize("text", NO_PRICES)
def test_what_is_no_price_is_none(text):
    assert price(text) is None

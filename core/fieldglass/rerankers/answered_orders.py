"""The order that a language model meant: found in prose, broken JSON and worse, and repaired the same way each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["choice_in", "order_in", "repaired"]

_NAMES = ("order", "top_k_indices", "ranking", "indices")
_OPEN = re.compile(r"[\[{]")
_LIST = re.compile(r"\[((?:\s*[\"']?\d{1,4}[\"']?\s*,)*\s*(?:[\"']?\d{1,4}[\"']?\s*)?)(\])?")
_NUMBER = re.compile(r"\d{1,4}")
_WORTH = 50  # brackets that are tried as the start of JSON


def order_in(text: str, count: int) -> list[int] | None:
    """Places from 0, best first, of an answer that numbers `count` candidates from 1; None where it orders none.

    The last JSON in the text that orders something counts, then the last list of numbers, even one that was cut off
    (without its last number, which may have been cut too). Doubled and out-of-range numbers are passed over.
    """
    for found in [*_json_orders(text), *_plain_orders(text)]:
        order = list(dict.fromkeys(number - 1 for number in found if 1 <= number <= count))
        if order:
            return order
    return None


def repaired(order: Sequence[int] | None, count: int) -> list[int]:
    """A permutation of range(count): those ordered, then the others as they were."""
    first = list(order or ())
    seen = set(first)
    return [*first, *(place for place in range(count) if place not in seen)]


def choice_in(text: str) -> int | None:
    """0 or 1, as an answer prefers candidate 1 or 2; None where it prefers neither."""
    for value in reversed(list(_json_values(text))):
        chosen = _integer(value.get("better")) if isinstance(value, dict) else None
        if chosen is not None:
            return chosen - 1 if chosen in (1, 2) else None
    numbers = {int(each) for each in _NUMBER.findall(text)}
    return numbers.pop() - 1 if len(numbers) == 1 and numbers <= {1, 2} else None


def _json_orders(text: str) -> list[list[int]]:
    """Last first: lists under a known name before bare ones."""
    named, bare = [], []
    for value in _json_values(text):
        if isinstance(value, dict):
            named += [_integers(value[name]) for name in _NAMES if isinstance(value.get(name), list)]
        elif isinstance(value, list):
            bare.append(_integers(value))
    return [*reversed(named), *reversed(bare)]


def _json_values(text: str) -> Iterator[Any]:
    """The outermost JSON objects and lists in a text, in their order."""
    decoder = json.JSONDecoder()
    place = 0
    for _ in range(_WORTH):
        start = _OPEN.search(text, place)
        if start is None:
            return
        try:
            value, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            place = start.end()
            continue
        yield value


def _plain_orders(text: str) -> list[list[int]]:
    """Lists of numbers that are no JSON: with quotes of the wrong kind, or cut off."""
    found = []
    for match in _LIST.finditer(text):
        numbers = [int(each) for each in _NUMBER.findall(match[1])]
        found.append(numbers if match[2] else numbers[:-1])
    return found[::-1]


def _integers(values: Sequence[Any]) -> list[int]:
    return [found for value in values if (found := _integer(value)) is not None]


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return int(value)
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) < 6:
        return int(value)
    return value if isinstance(value, int) else None

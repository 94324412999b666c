"""Reads the cards: TOML files in the `cards/` folder of the core's models and of each plugin's package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from fieldglass.card_files import card_named, read_cards
from fieldglass.types import Card

__all__ = ["card", "cards", "composer_defaults"]

_KEYS = frozenset(field.name for field in fields(Card))


@cache
def cards() -> dict[str, Card]:
    """Every card by name, sorted. A card named as its family, without a source, holds what its others share."""
    return read_cards(Path(__file__).parent / "cards", "cards", "model", _KEYS, lambda content: Card(**content))


def card(name: str) -> Card:
    """The card of that name, or UnknownNameError with the near matches."""
    return card_named(name, cards(), "model", "fieldglass models list")


def composer_defaults(encoder: str, options: Mapping[str, Any], composer: str) -> dict[str, Any]:
    """Options that suit a composer with a model: those of the card that says most about the encoder's options.

    The encoder may be named by its card.
    """
    named = cards().get(encoder)
    if named is not None and named.source and named.family != encoder:
        return {**composer_defaults(named.family, options, composer), **named.composers.get(composer, {})}
    fitting = [
        each
        for each in cards().values()
        if each.family == encoder and all(str(options.get(key)) == str(value) for key, value in each.options.items())
    ]
    defaults: dict[str, Any] = {}
    for each in sorted(fitting, key=lambda each: len(each.options)):
        defaults |= each.composers.get(composer, {})
    return defaults

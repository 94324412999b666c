"""What differs between two descriptions, in words, and which sentences are of use."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fieldglass_fashion.captioning.attributes import Described

__all__ = ["acceptable", "difference", "in_words"]

Differs = Mapping[str, tuple[str, str]]

_MOST_WORDS = 60
_REFUSED = re.compile(r"\b(?:i'?m sorry|i am sorry|as an ai|i (?:cannot|can't|am unable)|unable to)\b", re.IGNORECASE)
_STRANGE = re.compile(r"[{}<>\[\]]|https?:|\bgarment [AB]\b")
_SAYS = {
    "colour": "in {new}", "material": "in {new}", "length": "{new}", "fit": "{new}", "pattern": "with a {new} pattern",
    "sleeves": "with {new} sleeves", "neckline": "with a {new} neckline", "closure": "with a {new} closure",
    "details": "with {new}", "style": "more {new}", "category": "{new}",
}  # fmt: skip


def difference(reference: Described, target: Described) -> dict[str, tuple[str, str]]:
    """{attribute: (of the reference, of the target)} where they differ; "" where one does not say."""
    return {
        name: (reference.get(name, ""), target.get(name, ""))
        for name in dict.fromkeys((*reference, *target))
        if reference.get(name, "").casefold() != target.get(name, "").casefold()
    }


def in_words(differs: Differs) -> str:
    """ "in green instead of red, without buttons"; "" where nothing differs that can be said."""
    parts = []
    for name, (old, new) in differs.items():
        plain = {
            key: re.sub(rf"\s*\b{name.rstrip('s')}s?$", "", each).strip() for key, each in (("old", old), ("new", new))
        }
        if plain["new"] and name in _SAYS:
            said = _SAYS[name].format(**plain)
            parts.append(f"{said} instead of {plain['old']}" if plain["old"] else said)
        elif plain["old"] and name in ("details", "pattern", "closure", "sleeves"):
            parts.append(f"without {old}")
    return ", ".join(parts)


def acceptable(sentence: str) -> bool:
    """Whether it is one sentence of 1 to 60 words without markup, addresses or excuses."""
    words = sentence.split()
    plain = not _REFUSED.search(sentence) and not _STRANGE.search(sentence)
    return plain and 1 <= len(words) <= _MOST_WORDS and len(sentence) <= 500

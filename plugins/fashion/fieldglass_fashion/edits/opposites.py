"""Words that ask for more or less of something, as what is wanted and what is not."""

from __future__ import annotations

import re

__all__ = ["compared", "lacking"]

# Comparative -> (wanted, its opposite); a noun may follow: "longer sleeves".
_COMPARED = {
    "longer": ("long", "short"), "shorter": ("short", "long"), "looser": ("loose", "tight"),
    "baggier": ("baggy", "tight"), "tighter": ("tight", "loose"), "slimmer": ("slim", "wide"),
    "wider": ("wide", "narrow"), "narrower": ("narrow", "wide"), "bigger": ("big", "small"),
    "larger": ("large", "small"), "smaller": ("small", "large"), "thicker": ("thick", "thin"),
    "thinner": ("thin", "thick"), "darker": ("dark", "light"), "lighter": ("light", "dark"),
    "brighter": ("bright", "dull"), "higher": ("high", "low"), "lower": ("low", "high"),
    "plainer": ("plain", "patterned"), "simpler": ("simple", "fancy"), "fancier": ("fancy", "simple"),
    "softer": ("soft", "stiff"), "warmer": ("warm", "thin"), "dressier": ("elegant", "casual"),
}  # fmt: skip
_GRADED = {
    "formal": "casual", "casual": "formal", "elegant": "casual", "sporty": "formal", "colourful": "plain",
    "colorful": "plain", "plain": "patterned", "fitted": "loose", "flowing": "fitted", "revealing": "covered",
    "modest": "revealing", "flared": "straight",
}  # fmt: skip
_NOUNS = {"sleeve": "long sleeves", "strap": "shoulder straps", "shoulder": "covered shoulders", "back": "closed back"}
_NOT_LACKING = {"unless", "regardless", "nevertheless", "stainless", "timeless", "effortless", "seamless", "wireless"}
_LESS = re.compile(r"\b([a-z]{3,})less\b", re.IGNORECASE)
_COMPARATIVE = re.compile(rf"\b({'|'.join(_COMPARED)})\b", re.IGNORECASE)
_MORE = re.compile(rf"\bmore\s+({'|'.join(_GRADED)})\b", re.IGNORECASE)


def compared(text: str) -> tuple[str, str]:
    """ "longer sleeves" -> ("long sleeves", "short sleeves"); the text itself and "" where it compares nothing."""
    if _COMPARATIVE.search(text):
        wanted = _COMPARATIVE.sub(lambda found: _COMPARED[found[1].lower()][0], text)
        away = _COMPARATIVE.sub(lambda found: _COMPARED[found[1].lower()][1], text)
        return wanted, away
    if _MORE.search(text):
        return _MORE.sub(r"\1", text), _MORE.sub(lambda found: _GRADED[found[1].lower()], text)
    return text, ""


def lacking(text: str) -> str:
    """What a word like "sleeveless" refuses: "long sleeves"; "" where there is none."""
    found = [each[1].lower() for each in _LESS.finditer(text) if each[0].lower() not in _NOT_LACKING]
    return " and ".join(_NOUNS.get(each, f"{each}s") for each in found)

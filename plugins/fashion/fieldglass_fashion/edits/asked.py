"""A sentence of a shopper as edits: what is wanted, what is not, and the same of colours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fieldglass_fashion.colour.words import FILLERS, colours_in, without_colours
from fieldglass_fashion.edits.opposites import compared, lacking

__all__ = ["Edits", "parse"]


@dataclass(frozen=True)
class Edits:
    """Phrases that a hit should and should not fit, and colours of the palette that it should and should not have."""

    wanted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    not_colours: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wanted or self.refused or self.colours or self.not_colours)

    def __add__(self, other: Edits) -> Edits:
        """Both, each phrase once."""
        names = ("wanted", "refused", "colours", "not_colours")
        return Edits(*(tuple(dict.fromkeys((*getattr(self, name), *getattr(other, name)))) for name in names))

    def turned(self) -> Edits:
        """What is wanted refused, and the other way round."""
        return Edits(self.refused, self.wanted, self.not_colours, self.colours)


_CLAUSES = re.compile(r"\s*(?:[,;.!]+|\b(?:but|and|also|then|plus)\b)\s*", re.IGNORECASE)
_SWAPS = (
    re.compile(r".*\bfrom\s+(?P<away>.+?)\s+to\s+(?P<wanted>.+)", re.IGNORECASE),
    re.compile(r"(?P<wanted>.*?)\s*\b(?:instead\s+of|rather\s+than|in\s+place\s+of)\s+(?P<away>.+)", re.IGNORECASE),
    re.compile(
        r"(?:replace|change|swap|turn|switch)\s+(?P<away>.+?)\s+(?:with|to|for|into|by)\s+(?P<wanted>.+)", re.IGNORECASE
    ),
)
_REFUSALS = re.compile(
    r"(?P<before>.*?)\b(?:without|no|not|never|minus|remove|drop|lose|skip|less|fewer|isn'?t|does(?:n'?t| not) have|"
    r"free of|don'?t want)\b(?P<away>.*)",
    re.IGNORECASE,
)
_FREE = re.compile(r"\b(\w+)-free\b", re.IGNORECASE)
_OPENING = re.compile(
    r"^(?:(?:please|make|it|is|has|have|add|give|want|i|me|show|same|this|that|one|the|a|an|with|in|of|should|be|are|"
    r"any|some|its|much|very|so|too|such)\b\s*)+",
    re.IGNORECASE,
)


def parse(text: str) -> Edits:
    """ "Sleeveless, in green instead of red, without a belt" -> its edits; empty where it says nothing.

    Clauses stand between commas, "and" and "but". A refusal goes on over "or" and a bare "and": "no belt or
    buttons". Whatever is no edit is wanted as it stands: "a summer dress".
    """
    found = Edits()
    refusing = False
    for clause in (each for each in _CLAUSES.split(_FREE.sub(r"without \1", text)) if each and each.strip()):
        swap = next((match for each in _SWAPS if (match := each.fullmatch(clause.strip()))), None)
        refusal = None if swap else _REFUSALS.fullmatch(clause.strip())
        if swap:
            found, refusing = found + _phrase(swap["wanted"]) + _phrase(swap["away"]).turned(), False
        elif refusal:
            found, refusing = found + _phrase(refusal["before"]) + _refused(refusal["away"]), True
        elif refusing and _bare(clause):
            found += _refused(clause)
        else:
            found, refusing = found + _phrase(clause), False
    wanted = tuple(each for each in found.wanted if each not in found.refused)
    return Edits(
        wanted, found.refused, tuple(c for c in found.colours if c not in found.not_colours), found.not_colours
    )


def _refused(text: str) -> Edits:
    found = Edits()
    for part in re.split(r"\s+(?:or|nor)\s+", text.strip(), flags=re.IGNORECASE):
        said = _phrase(part)
        found += Edits((), said.wanted, (), said.colours)
    return found


def _phrase(text: str) -> Edits:
    """One clause that asks for something."""
    colours = tuple(dict.fromkeys(each.name for each in colours_in(text)))
    left = without_colours(text).strip()
    plain = _OPENING.sub("", f"{left} ").strip().lower()
    if not plain or all(word in FILLERS for word in re.findall(r"\w+", plain.lower())):
        return Edits(colours=colours)
    wanted, away = compared(plain)
    against = tuple(each for each in (away, lacking(plain)) if each)
    return Edits((wanted,), against, colours)


def _bare(clause: str) -> bool:
    """Whether a clause after a refusal is one more thing refused: "no belt and buttons", not "with pockets"."""
    return len(clause.split()) == 1 and not colours_in(clause) and not lacking(clause) and not compared(clause)[1]

"""Colours that a text names, and what it says besides."""

from __future__ import annotations

import re
from typing import NamedTuple

from fieldglass_fashion.colour.palette import BASIC, SHADES

__all__ = ["FILLERS", "Named", "called", "colours_in", "without_colours"]

# How people call what the palette calls otherwise.
_ALSO = {
    "gray": "grey", "dark grey": "charcoal", "dark gray": "charcoal", "anthracite": "charcoal", "silver": "grey",
    "light grey": "grey", "light gray": "grey", "off white": "off-white", "ecru": "cream", "nude": "beige",
    "sand": "beige", "taupe": "khaki", "dark brown": "chocolate", "cognac": "tan", "caramel": "camel",
    "dark red": "burgundy", "maroon": "burgundy", "bordeaux": "burgundy", "wine red": "burgundy",
    "crimson": "red", "scarlet": "red", "salmon": "coral", "apricot": "coral", "terracotta": "rust",
    "copper": "rust", "golden": "mustard", "gold": "mustard", "ochre": "mustard", "lemon": "yellow",
    "light green": "mint", "emerald": "green", "forest green": "dark green", "bottle green": "dark green",
    "bright green": "green", "olive green": "olive", "khaki green": "olive", "petrol": "teal", "aqua": "turquoise",
    "cyan": "turquoise", "sky blue": "light blue", "baby blue": "light blue", "pale blue": "light blue",
    "royal blue": "blue", "cobalt": "blue", "bright blue": "blue", "dark blue": "navy", "navy blue": "navy",
    "violet": "purple", "lilac": "lavender", "mauve": "lavender", "light purple": "lavender",
    "dark purple": "plum", "aubergine": "plum", "fuchsia": "hot pink", "magenta": "hot pink",
    "bright pink": "hot pink", "light pink": "pink", "pale pink": "pink", "rose": "dusty pink",
}  # fmt: skip
_KNOWN = {**{name: name for name in (*SHADES, *BASIC)}, **_ALSO}
_NAMES = "|".join(re.escape(name).replace(r"\ ", r"[\s-]+") for name in sorted(_KNOWN, key=len, reverse=True))
_PATTERN = re.compile(rf"(?<![\w-])({_NAMES})(?:ish|[\s-]?colou?red)?(?![\w-])", re.IGNORECASE)
_DANGLING = re.compile(r"(?:\s+(?:in|of|with|and|or|a|the|colou?r))+\s*$", re.IGNORECASE)

# What is left of "the same one but in green" says nothing of a garment.
FILLERS = frozenset((
    "a", "an", "the", "this", "that", "it", "its", "one", "ones", "same", "but", "in", "of", "with", "is", "are",
    "be", "and", "or", "colour", "color", "coloured", "colored", "shade", "tone", "make", "made", "please", "want",
    "like", "look", "looks", "looking", "more", "less", "instead",
))  # fmt: skip


class Named(NamedTuple):
    """A colour of the palette and where it stands in the text."""

    name: str
    start: int
    end: int


def colours_in(text: str) -> list[Named]:
    """The colours that a text names, in its order, under the names of the palette: "navy blue" is "navy"."""
    return [Named(_known(found[1]), *found.span()) for found in _PATTERN.finditer(text)]


def without_colours(text: str) -> str:
    """The text without its colours; "" where nothing but fillers is left of one that names some."""
    found = colours_in(text)
    if not found:
        return text
    kept, end = [], 0
    for each in found:
        kept.append(text[end : each.start])
        end = each.end
    left = _DANGLING.sub("", " ".join("".join([*kept, text[end:]]).split()))
    return left if any(word not in FILLERS for word in re.findall(r"\w+", left.lower())) else ""


def called(colour: str) -> list[str]:
    """All that means a colour of the palette or a shade of it, sorted: "green" -> "bottle green", "dark green" ..."""
    return sorted(
        said for said, name in _KNOWN.items() if colour == name or (name in SHADES and SHADES[name][0] == colour)
    )


def _known(said: str) -> str:
    plain = " ".join(said.lower().split())
    return _KNOWN[plain] if plain in _KNOWN else _KNOWN[" ".join(plain.replace("-", " ").split())]

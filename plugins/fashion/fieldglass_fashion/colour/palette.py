"""Twelve basic colours and their shades as points of CIELAB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fieldglass_fashion.colour.cielab import cielab

if TYPE_CHECKING:
    from fieldglass.types import F32, F64

__all__ = ["BASIC", "SHADES", "WIDTH", "points", "spread", "vector"]

# The eleven of Berlin and Kay, and beige, which no catalogue does without.
BASIC = ("black", "grey", "white", "beige", "brown", "red", "orange", "yellow", "green", "blue", "purple", "pink")

# As garments look in photographs: black cloth is seldom darker than #16161a, nor white cloth lighter than #f4f4f2.
SHADES = {
    "black": ("black", "16161a"), "faded black": ("black", "2c2c30"), "charcoal": ("grey", "505054"),
    "grey": ("grey", "888888"), "off-white": ("white", "d0d0d4"), "white": ("white", "e8e8ea"),
    "ivory": ("white", "f2ecdc"), "cream": ("white", "f5ecc8"), "beige": ("beige", "d8c3a0"),
    "khaki": ("beige", "b09a70"), "camel": ("beige", "c19a6b"), "brown": ("brown", "6b4226"),
    "chocolate": ("brown", "3f2618"), "tan": ("brown", "a5744a"), "red": ("red", "cc1420"),
    "burgundy": ("red", "6a1428"), "coral": ("red", "e8604c"), "orange": ("orange", "f07818"),
    "rust": ("orange", "b5471b"), "mustard": ("yellow", "d0a020"), "yellow": ("yellow", "f4d820"),
    "lime": ("green", "b4d830"), "green": ("green", "2a8c3a"), "olive": ("green", "60602c"),
    "mint": ("green", "a8dcc0"), "dark green": ("green", "16402a"), "teal": ("blue", "107878"),
    "turquoise": ("blue", "38c0c8"), "blue": ("blue", "2050c0"), "navy": ("blue", "202a44"),
    "midnight blue": ("blue", "181c30"), "light blue": ("blue", "98bce0"), "denim": ("blue", "5a7094"),
    "slate blue": ("blue", "46546a"), "purple": ("purple", "6c2c90"), "lavender": ("purple", "b8a0d8"),
    "plum": ("purple", "5a2450"), "pink": ("pink", "f0a0b8"), "hot pink": ("pink", "e02c80"),
    "dusty pink": ("pink", "c08488"),
}  # fmt: skip
WIDTH = len(BASIC) + len(SHADES)

_SHADE_WEIGHT = 0.7  # of a shade's own name in its vector; the rest is its basic colour
_OF_BASIC = np.array([[basic == each for each in BASIC] for basic, _ in SHADES.values()], dtype=np.float64)


def points() -> F64:
    """(shades, 3) float64: L*, a*, b*."""
    numbers = [[int(code[at : at + 2], 16) / 255 for at in (0, 2, 4)] for _, code in SHADES.values()]
    return cielab(np.array(numbers))


def spread(shares: F64) -> F32:
    """Shares of the shades (shades,), of sum 1 -> (WIDTH,) float32, unit.

    Square roots of the shares of basic colours and of shades, so that an inner product is a mean of two Bhattacharyya
    coefficients.
    """
    found = np.sqrt(np.concatenate([shares @ _OF_BASIC, shares]) / 2)
    return np.asarray(found, dtype=np.float32)


def vector(names: Iterable[str]) -> F32:
    """(WIDTH,) float32, unit: what to compare `spread` with, for colours and shades by name, in equal parts."""
    found = np.zeros(WIDTH)
    shades = list(SHADES)
    for name in names:
        if name in BASIC:
            found[BASIC.index(name)] += 1
        else:
            found[BASIC.index(SHADES[name][0])] += np.sqrt(1 - _SHADE_WEIGHT)
            found[len(BASIC) + shades.index(name)] += np.sqrt(_SHADE_WEIGHT)
    norm = np.linalg.norm(found)
    return np.asarray(found / (norm or 1.0), dtype=np.float32)

"""Colour as a shop speaks of it: named colours in CIELAB, how much of a garment has which, and colours in a text."""

from __future__ import annotations

from fieldglass_fashion.colour.garment import shares
from fieldglass_fashion.colour.palette import BASIC, SHADES, WIDTH, vector
from fieldglass_fashion.colour.words import Named, colours_in, without_colours

__all__ = ["BASIC", "SHADES", "WIDTH", "Named", "colours_in", "shares", "vector", "without_colours"]

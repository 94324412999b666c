"""Modification texts for pairs of one's own catalogue, in two stages: describe both garments, tell the difference.

After FACap (arXiv 2507.05135) and good4cir, with prompts of our own.
"""

from __future__ import annotations

from fieldglass_fashion.captioning.attributes import ATTRIBUTES, read_attributes
from fieldglass_fashion.captioning.describers import FromColumns, FromModel
from fieldglass_fashion.captioning.difference import difference, in_words
from fieldglass_fashion.captioning.pipeline import Done, caption_pairs

__all__ = [
    "ATTRIBUTES",
    "Done",
    "FromColumns",
    "FromModel",
    "caption_pairs",
    "difference",
    "in_words",
    "read_attributes",
]

"""Views of one photo whose answers are averaged: its mirror image, ten crops, or four looks into a panorama."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldglass.types import Sample

__all__ = ["VIEWS", "views"]

VIEWS = ("one", "flip", "ten-crop", "panorama")
_CROP = 224 / 256  # of the shorter side: the usual ten crops of 224 pixels of a picture of 256
_LOOKS = 4
_FIELD = 90.0  # degrees that a look into a panorama takes in
_SIDE = 512


def views(sample: Sample, kind: str) -> list[Sample]:
    """The photo itself ("one"), with its mirror image ("flip"), or corners and middle, each mirrored ("ten-crop").

    "panorama" takes a picture twice as wide as high for the whole sphere and looks north, east, south and west of it.
    """
    pixels: Any = sample.content
    if kind == "flip":
        found = [pixels, pixels[:, ::-1]]
    elif kind == "ten-crop":
        found = [each for crop in _crops(pixels) for each in (crop, crop[:, ::-1])]
    elif kind == "panorama":
        found = list(_looks(pixels))
    else:
        return [sample]
    return [replace(sample, content=np.ascontiguousarray(each), mask=None) for each in found]


def _crops(pixels: Any) -> Iterator[Any]:
    height, width = pixels.shape[:2]
    side = max(1, round(_CROP * min(height, width)))
    lower, right = height - side, width - side
    for top, left in ((0, 0), (0, right), (lower, 0), (lower, right), (lower // 2, right // 2)):
        yield pixels[top : top + side, left : left + side]


def _looks(pixels: Any) -> Iterator[Any]:
    """Perspective pictures of 90 degrees out of an equirectangular one, at the horizon."""
    height, width = pixels.shape[:2]
    side = min(_SIDE, height)
    half = np.tan(np.radians(_FIELD / 2))
    x, y = np.meshgrid(np.linspace(-half, half, side), np.linspace(half, -half, side))
    up = np.arctan2(y, np.hypot(1, x))
    row = np.clip(((0.5 - up / np.pi) * height).astype(np.int64), 0, height - 1)
    for look in range(_LOOKS):
        aside = np.arctan(x) + 2 * np.pi * look / _LOOKS
        column = ((0.5 + aside / (2 * np.pi)) % 1 * width).astype(np.int64) % width
        yield pixels[row, column]

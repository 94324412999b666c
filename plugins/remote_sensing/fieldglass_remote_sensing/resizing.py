"""Bands of any range to the side that a network takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass._torchvision import require

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["resize"]


def resize(planes: F32, size: int, *, side: int = 0) -> F32:
    """(C, H, W) float32 -> (C, size, size): the centre square to `side` (or `size`), then the centre of that.

    Bilinear with aligned corners and no smoothing, as kornia resized when these networks were trained.
    """
    torch = require("torch")
    side = side or size
    short = min(planes.shape[1:])
    square = _centre(planes, short)  # of a long strip only this part is enlarged
    if short != side:
        tensor = torch.from_numpy(square)[None]
        options = {"mode": "bilinear", "align_corners": True}
        square = torch.nn.functional.interpolate(tensor, size=(side, side), **options)[0].numpy()
    return _centre(square, size)


def _centre(planes: F32, size: int) -> F32:
    top, left = (planes.shape[1] - size) // 2, (planes.shape[2] - size) // 2
    return np.ascontiguousarray(planes[:, top : top + size, left : left + size])

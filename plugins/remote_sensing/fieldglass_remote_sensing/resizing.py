"""Bands of any range to the side that a network takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldglass._torchvision import require

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["resize"]


def resize(planes: F32, size: int, *, side: int = 0, aligned: bool = True) -> F32:
    """(C, H, W) float32 -> (C, size, size): the shorter side to `side` (or `size`), bilinear, then the centre.

    With `aligned` the corner pixels keep their place, as in the training code of CLOSP.
    """
    torch = require("torch")
    height, width = planes.shape[1:]
    side = side or size
    # the centre first: of a long strip only that part is enlarged
    short = min(height, width)
    keep = max(1, round(short * size / side))
    top, left = (height - keep) // 2, (width - keep) // 2
    centre = np.ascontiguousarray(planes[:, top : top + keep, left : left + keep])
    if keep == size:
        return centre
    tensor = torch.from_numpy(centre)[None]
    options = {"mode": "bilinear", "align_corners": aligned}
    found: F32 = torch.nn.functional.interpolate(tensor, size=(size, size), **options)[0].numpy()
    return found

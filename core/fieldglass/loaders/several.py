"""Files of several pictures: animations, and TIFF of several pages."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from fieldglass.loaders.paths import inside, open_regular
from fieldglass.loaders.picture import open_header

__all__ = ["chosen_frames", "evenly"]

_SUFFIXES = frozenset({".gif", ".webp", ".png", ".apng", ".tif", ".tiff", ".avif", ".avifs"})


def chosen_frames(base: Path, name: str, most: int, *, max_pixels: int) -> list[int]:
    """Numbers, from 0, of at most so many frames, evenly over the file; none of a file with one picture.

    None too of a file that cannot be opened: reading it says why.
    """
    if not most or PurePosixPath(name).suffix.lower() not in _SUFFIXES:
        return []
    try:
        with open_regular(inside(base, name)) as file:
            total = int(getattr(open_header(file, max_pixels=max_pixels)[1], "n_frames", 1))
    except Exception:  # Pillow raises many kinds while it counts the frames of a damaged file
        return []
    return evenly(total, most) if total > 1 else []


def evenly(total: int, most: int) -> list[int]:
    """At most so many of the numbers 0 to `total` - 1, the first and the last among them."""
    return [int(each) for each in np.unique(np.linspace(0, total - 1, min(total, most)).round().astype(int))]

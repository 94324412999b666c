"""Small photos of real formats with a GPS block, as tests of geo write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

__all__ = ["block", "photo"]

COPENHAGEN = (55.6761, 12.5683)


def block(lat: float, lon: float, **more: Any) -> dict[int, Any]:
    """The GPS directory of a place in signed degrees; `_5=1` sets tag 5."""
    found: dict[int, Any] = {1: "N" if lat >= 0 else "S", 2: _dms(lat), 3: "E" if lon >= 0 else "W", 4: _dms(lon)}
    return found | {int(tag[1:]): value for tag, value in more.items()}


def photo(
    path: Path, gps: dict[int, Any] | None = None, *, taken: str = "", offset: str = "", xmp: bytes = b""
) -> Path:
    """A small picture of noise with an EXIF block, saved as its suffix says."""
    noise = np.random.default_rng(sum(path.name.encode()))
    picture = Image.fromarray(noise.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    exif = picture.getexif()
    exif[0x010F] = "Fieldglass"
    if gps is not None:
        exif.get_ifd(0x8825).update(gps)
        if path.suffix == ".tif":
            exif[0x8825] = 0  # Pillow writes the directory of a TIFF only where its entry is there
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    if offset:
        exif.get_ifd(0x8769)[0x9011] = offset
    options = {"xmp": xmp} if xmp else {}
    picture.save(path, exif=exif, **options)
    return path


def _dms(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    seconds = round(abs(value) * 3600 * 10000)
    return (
        IFDRational(seconds // 36_000_000, 1),
        IFDRational(seconds // 600_000 % 60, 1),
        IFDRational(seconds % 600_000, 10000),
    )

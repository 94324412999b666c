"""Stored previews on one sheet, each with its number: what a model that sees is shown of many hits at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["as_jpeg", "opened", "sheet"]

TILE = 256  # pixels on a side: that of the stored previews
LARGEST = 4096  # pixels on a side of a preview that is opened at all
_GROUND = (96, 96, 96)


def opened(preview: bytes | None) -> Image.Image | None:
    """The picture of a stored preview; None where there is none, or none that can be read."""
    if not preview:
        return None
    try:
        with Image.open(BytesIO(preview), formats=("WEBP", "JPEG", "PNG")) as found:
            return found.convert("RGB") if max(found.size) <= LARGEST else None
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def as_jpeg(picture: Image.Image | NDArray[np.uint8], side: int = 2 * TILE) -> bytes:
    """The bytes of a JPEG file of at most `side` pixels, from a picture or an array (h, w, 3) uint8."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    small = image if max(image.size) <= side else ImageOps.contain(image, (side, side), Image.Resampling.BILINEAR)
    out = BytesIO()
    small.convert("RGB").save(out, "JPEG", quality=85)
    return out.getvalue()


def sheet(pictures: Sequence[Image.Image | None]) -> Image.Image:
    """Tiles in rows, numbered from 1 in their upper left corner; an empty one where there is no picture."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    found = Image.new("RGB", (columns * TILE, rows * TILE), _GROUND)
    draw = ImageDraw.Draw(found)
    font = ImageFont.load_default(TILE / 8)
    for place, picture in enumerate(pictures):
        left, top = place % columns * TILE, place // columns * TILE
        if picture is not None:
            tile = ImageOps.contain(picture, (TILE - 4, TILE - 4), Image.Resampling.BILINEAR)
            found.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
        corner = (left + 2, top + 2)
        box = draw.textbbox((corner[0] + 6, corner[1] + 3), str(place + 1), font=font)
        draw.rectangle((*corner, box[2] + 6, box[3] + 5), fill="black")
        draw.text((corner[0] + 6, corner[1] + 3), str(place + 1), font=font, fill="white")
    return found

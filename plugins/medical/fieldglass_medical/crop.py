"""Takes a part of a picture: what is beside an endoscope's view is black, or says who was examined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Crop", "cropped", "parse_crop"]

Crop = tuple[float, float, float, float]


def parse_crop(text: str) -> Crop | None:
    """ "left,top,right,bottom" as shares of width and height, None if empty. UsageError for what cuts nothing out."""
    if not text.strip():
        return None
    try:
        left, top, right, bottom = (float(each) for each in text.split(","))
    except ValueError:
        left = top = right = bottom = 0.0
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise UsageError(
            f"{text!r} is no part of a picture.", hint="Give left,top,right,bottom from 0 to 1, as in 0.3,0,1,1."
        )
    return left, top, right, bottom


def cropped(pixels: NDArray[Any], crop: Crop | None) -> NDArray[Any]:
    """(H, W, ...) -> that part of it, a pixel at least along each axis."""
    if crop is None:
        return pixels
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(share * side) for share, side in zip(crop, (width, height) * 2, strict=True))
    left, top = min(left, width - 1), min(top, height - 1)
    return pixels[top : max(bottom, top + 1), left : max(right, left + 1)]

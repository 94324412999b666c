"""Pictures that end early, taken where the user asks for it: what is missing of a JPEG is grey, and it is said."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from fieldglass.loaders.picture import PictureError, decode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["decode_leniently"]

_MOST = 256 << 20  # bytes of a file that is read whole
_END = b"\xff\xd9"


def decode_leniently(
    file: IO[bytes], *, pixels: int, max_pixels: int, frame: int = 0, lenient: bool = False
) -> tuple[NDArray[np.uint8], Mapping[str, Any]]:
    """The picture as `decode` gives it, and `truncated` if it is a JPEG that ends early and `lenient` allows that."""
    try:
        return decode(file, pixels=pixels, max_pixels=max_pixels, frame=frame), {}
    except PictureError as error:
        if not lenient or error.code != "image-truncated":
            raise
        file.seek(0)
        content = file.read(_MOST + 1)
        if len(content) > _MOST or not content.startswith(b"\xff\xd8"):
            raise
        whole = BytesIO(content + _END)  # the decoder fills up what is missing, as for a file that was cut there
        return decode(whole, pixels=pixels, max_pixels=max_pixels), {"truncated": True}

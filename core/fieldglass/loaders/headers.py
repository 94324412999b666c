"""What the header of one picture tells: width, height, format, and when it was taken.

The core's own metadata hook; it decodes nothing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldglass.types import Item

__all__ = ["picture_columns"]

_EXIF, _TAKEN, _CHANGED, _ORIENTATION = 0x8769, 0x9003, 0x0132, 0x0112


def picture_columns(item: Item, paths: tuple[Path, ...]) -> dict[str, Any]:
    """width and height (upright, pixels), format, taken (EXIF), for an item that is one picture file; else nothing."""
    if len(paths) != 1 or item.locator:
        return {}
    from fieldglass.loaders.paths import open_regular
    from fieldglass.loaders.picture import PictureError, open_header

    try:
        with open_regular(paths[0]) as file:
            name, picture = open_header(file, max_pixels=1 << 62)
            width, height = picture.size
            turned, taken = _exif(picture)
    except (PictureError, OSError):
        return {}
    if turned:
        width, height = height, width
    columns: dict[str, Any] = {"width": width, "height": height, "format": name}
    return columns if taken is None else columns | {"taken": taken}


def _exif(picture: Any) -> tuple[bool, datetime | None]:
    if picture.format == "PNG" and "exif" not in picture.info:
        return False, None  # Pillow would decode the whole picture to look for it at the end
    try:
        exif = picture.getexif()
        turned = exif.get(_ORIENTATION, 1) in (5, 6, 7, 8)
        text = str(exif.get_ifd(_EXIF).get(_TAKEN) or exif.get(_CHANGED) or "")
    except Exception:  # damaged EXIF says nothing
        return False, None
    try:
        taken = datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return turned, None
    return turned, taken

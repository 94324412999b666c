"""World files of PNG and JPEG chips: six numbers beside the picture that place its pixels, in a CRS not said."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fieldglass.loaders import inside
from fieldglass.loaders.paths import OutsideError, open_regular
from fieldglass_remote_sensing.scenes import SceneError

if TYPE_CHECKING:
    from affine import Affine

__all__ = ["world_file_of", "world_transform"]

_ENDINGS = {".png": (".pgw", ".pngw"), ".jpg": (".jgw", ".jpgw"), ".jpeg": (".jgw", ".jpegw")}
_LONGEST = 4096  # bytes


def world_file_of(base: Path, name: str) -> str | None:
    """The world file of a picture, relative to `base` as the picture; None where there is none inside."""
    path = PurePosixPath(name)
    for ending in (*_ENDINGS.get(path.suffix.lower(), ()), *((".wld",) if path.suffix.lower() in _ENDINGS else ())):
        for written in (ending, ending.upper()):
            candidate = str(path.with_suffix(written))
            try:
                if inside(base, candidate).is_file():
                    return candidate
            except (OutsideError, OSError):
                continue
    return None


def world_transform(base: Path, name: str) -> Affine:
    """Pixel corners to x, y. SceneError for a file that does not hold six numbers that make a grid."""
    from rasterio.transform import Affine

    with open_regular(inside(base, name)) as file:
        said = file.read(_LONGEST + 1)
    try:
        across, turn_y, turn_x, down, x, y = (float(each.replace(",", ".")) for each in said.decode("ascii").split())
    except ValueError:
        raise SceneError("scene-world-file", f"{name} does not hold six numbers, one a line.") from None
    grid = Affine(across, turn_x, x, turn_y, down, y)
    if not all(math.isfinite(each) for each in grid) or grid.is_degenerate:
        raise SceneError("scene-world-file", f"The six numbers of {name} make no grid.")
    return grid @ Affine.translation(-0.5, -0.5)  # it names the middle of the first pixel

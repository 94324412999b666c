"""Which blocks of a GeoTIFF were ever written: a sparse one holds a few, and reads as no data or 0 elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Written", "written_of"]

_FEW = 16  # blocks: a small file is read rather than asked
_MOST = 4_000_000


@dataclass(frozen=True)
class Written:
    """`blocks` (rows, columns) bool, True where any band has something; `shape` is that of a block, in pixels."""

    blocks: NDArray[np.bool_]
    shape: tuple[int, int]

    def any(self, window: tuple[float, float, float, float]) -> bool:
        """Whether a block that a window (row0, col0, row1, col1) touches was written."""
        row0, col0, row1, col1 = window
        high, wide = self.shape
        rows = slice(int(row0 // high), math.ceil(row1 / high - 1e-9))
        columns = slice(int(col0 // wide), math.ceil(col1 / wide - 1e-9))
        return bool(self.blocks[rows, columns].any())


def written_of(raster: Any, indexes: tuple[int, ...]) -> Written | None:
    """None where all blocks were written, or the file is small or no GeoTIFF."""
    high, wide = raster.block_shapes[indexes[0] - 1]
    rows, columns = -(-raster.height // high), -(-raster.width // wide)
    if raster.driver != "GTiff" or not _FEW < rows * columns <= _MOST:
        return None
    asked = indexes if str(raster.interleaving).endswith("band") else indexes[:1]
    blocks = np.zeros((rows, columns), dtype=np.bool_)
    for row in range(rows):
        for column in range(columns):
            name = f"BLOCK_OFFSET_{column}_{row}"
            blocks[row, column] = any(raster.get_tag_item(name, "TIFF", bidx=index) for index in asked)
    return None if blocks.all() else Written(blocks, (high, wide))

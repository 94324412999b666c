"""Reads windows of one raster from whole blocks, each read once while it is needed.

A `Level` is the raster itself, one of its overviews, or either of them decimated by a whole number. It reads blocks
as they lie in the file (strips in groups of rows), decimated while they are read, and keeps the last ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.windows import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Block", "Level", "block_of", "overview_for"]

_LEAST = 256  # rows of a group of strips; blocks are at least so high
_MOST = 4 << 20  # pixels of a block: larger ones are read in parts


@dataclass(frozen=True)
class Block:
    """Values (h, w, bands) as the file has them, and mask (h, w), None where all are valid."""

    values: NDArray[Any]
    mask: NDArray[np.bool_] | None

    @property
    def bytes(self) -> int:
        """Its size in memory."""
        return int(self.values.nbytes) + (0 if self.mask is None else int(self.mask.nbytes))


class Level:
    """One resolution of a raster.

    :param raster: an open rasterio dataset (or a WarpedVRT), used by one thread at a time.
    :param indexes: the bands to read, from 1.
    :param decimation: pixels of the raster per pixel of this level.
    :param categorical: classes, which have no mean: every n-th pixel is taken.
    :param keep: bytes of blocks to keep.
    """

    def __init__(
        self,
        raster: Any,
        indexes: Sequence[int],
        *,
        decimation: int = 1,
        categorical: bool = False,
        keep: int = 64 << 20,
    ) -> None:
        self._raster, self._indexes, self._decimation = raster, list(indexes), decimation
        self._how = Resampling.nearest if categorical else Resampling.average
        self._keep = keep
        self.shape = -(-raster.height // decimation), -(-raster.width // decimation)
        self.block = block_of(raster)
        self._alpha, self._flags = _mask_source(raster, self._indexes)
        self._blocks: OrderedDict[tuple[int, int], Block] = OrderedDict()
        self._held = 0
        self.read_blocks = 0

    def read(self, row0: int, col0: int, row1: int, col1: int) -> Block:
        """The window of whole pixels of this level, which must lie inside it."""
        high, wide = self.block
        parts = [
            [self._block(row, column) for column in range(col0 // wide, -(-col1 // wide))]
            for row in range(row0 // high, -(-row1 // high))
        ]
        top, left = row0 // high * high, col0 // wide * wide
        cut = slice(row0 - top, row1 - top), slice(col0 - left, col1 - left)
        masked = any(part.mask is not None for row in parts for part in row)
        if len(parts) == 1 and len(parts[0]) == 1:
            only = parts[0][0]
            return Block(only.values[cut], None if only.mask is None else only.mask[cut])
        values = np.concatenate([np.concatenate([part.values for part in row], axis=1) for row in parts])
        if not masked:
            return Block(values[cut], None)
        masks = [np.concatenate([_mask_of(part) for part in row], axis=1) for row in parts]
        return Block(values[cut], np.concatenate(masks)[cut])

    def _block(self, row: int, column: int) -> Block:
        found = self._blocks.get((row, column))
        if found is not None:
            self._blocks.move_to_end((row, column))
            return found
        found = self._decode(row, column)
        self._blocks[row, column] = found
        self._held += found.bytes
        while self._held > self._keep and len(self._blocks) > 1:
            _, old = self._blocks.popitem(last=False)
            self._held -= old.bytes
        return found

    def _decode(self, row: int, column: int) -> Block:
        self.read_blocks += 1
        high, wide = self.block
        d, raster = self._decimation, self._raster
        height, width = min(high, self.shape[0] - row * high), min(wide, self.shape[1] - column * wide)
        top, left = row * high * d, column * wide * d
        window = Window(left, top, min(width * d, raster.width - left), min(height * d, raster.height - top))
        indexes = [*self._indexes, self._alpha] if self._alpha else self._indexes
        options = {"window": window, "out_shape": (len(indexes), height, width)}
        if d > 1:
            options["resampling"] = self._how
        values = np.moveaxis(raster.read(indexes, **options), 0, -1)
        mask: NDArray[np.bool_] | None = None
        if self._alpha:
            values, mask = values[..., :-1], values[..., -1] > 0
        elif self._flags == "file":
            mask = raster.read_masks(self._indexes[0], window=window, out_shape=(height, width)) > 0
        elif self._flags == "nodata":
            mask = self._with_data(values, d, window, (height, width))
        return Block(np.ascontiguousarray(values), None if mask is None or mask.all() else mask)

    def _with_data(self, values: NDArray[Any], d: int, window: Window, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """True where any band has data; bands that declare no no-data do not count where another does."""
        declared = [(place, self._raster.nodatavals[index - 1]) for place, index in enumerate(self._indexes)]
        valid = [
            ~np.isnan(values[..., place]) if np.isnan(nodata) else values[..., place] != _as(nodata, values.dtype)
            for place, nodata in declared
            if nodata is not None
        ]
        return np.asarray(np.any(valid, axis=0), dtype=np.bool_)


def block_of(raster: Any) -> tuple[int, int]:
    """Rows and columns that are read at once: whole blocks of the file."""
    heights, widths = zip(*raster.block_shapes, strict=True)
    high, wide = max(heights), max(widths)
    if wide >= raster.width:  # strips
        rows = min(raster.height, -(-_LEAST // high) * high)
        return max(high, min(rows, max(high, _MOST // wide // high * high))), raster.width
    return high * -(-_LEAST // high), wide * -(-_LEAST // wide)


def overview_for(raster: Any, index: int, factor: float) -> tuple[int | None, int]:
    """The overview to read when `factor` pixels become one, None for the raster itself, and the decimation of it."""
    best: tuple[int | None, int] = (None, 1)
    for number, decimation in enumerate(raster.overviews(index)):
        if best[1] < decimation <= factor * 1.0001:
            best = number, decimation
    level, reached = best
    return level, max(1, int(factor * 1.0001 / reached))


def _mask_source(raster: Any, indexes: Sequence[int]) -> tuple[int, str]:
    """The alpha band or 0, and what else says which pixels are valid: "nodata", "file" or ""."""
    for place, colour in enumerate(raster.colorinterp, start=1):
        if colour == ColorInterp.alpha and place not in indexes:
            return place, ""
    if any(raster.nodatavals[index - 1] is not None for index in indexes):
        return 0, "nodata"
    flags = raster.mask_flag_enums[indexes[0] - 1]
    return 0, "file" if MaskFlags.per_dataset in flags else ""


def _as(nodata: float, dtype: np.dtype[Any]) -> Any:
    return np.float64(nodata).astype(dtype) if dtype.kind == "f" else nodata


def _mask_of(block: Block) -> NDArray[np.bool_]:
    return np.ones(block.values.shape[:2], dtype=np.bool_) if block.mask is None else block.mask

"""Brings a block of pixels to the shape of a tile: by area mean when it shrinks, bilinear when it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from fieldglass_remote_sensing.levels import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit"]

Box = tuple[float, float, float, float]  # row0, col0, row1, col1 in pixels of the block


def fit(block: Block, box: Box, shape: tuple[int, int], *, categorical: bool = False) -> Block:
    """The part `box` of a block as (height, width, bands) of its type. No-data does not bleed into its neighbours."""
    row0, col0, row1, col1 = box
    whole = all(abs(each - round(each)) < 1e-6 for each in box)
    if whole and (round(row1 - row0), round(col1 - col0)) == shape:
        cut = slice(round(row0), round(row1)), slice(round(col0), round(col1))
        return Block(block.values[cut], None if block.mask is None else block.mask[cut])
    if categorical:
        rows = np.clip((row0 + (np.arange(shape[0]) + 0.5) * (row1 - row0) / shape[0]).astype(int), 0, None)
        cols = np.clip((col0 + (np.arange(shape[1]) + 0.5) * (col1 - col0) / shape[1]).astype(int), 0, None)
        rows, cols = np.minimum(rows, block.values.shape[0] - 1), np.minimum(cols, block.values.shape[1] - 1)
        picked = np.ix_(rows, cols)
        return Block(block.values[picked], None if block.mask is None else block.mask[picked])
    shrinks = row1 - row0 > shape[0] or col1 - col0 > shape[1]
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    frame = (col0, row0, col1, row1)
    dtype = block.values.dtype
    if block.mask is None:
        bands = [_resize(block.values[..., band], shape, how, frame) for band in range(block.values.shape[-1])]
        return Block(_typed(np.stack(bands, axis=-1), dtype), None)
    share = _resize(block.mask, shape, how, frame)
    mask = share >= 0.5
    safe = np.where(share > 0, share, 1)
    bands = [
        _resize(np.where(block.mask, block.values[..., band], 0), shape, how, frame) / safe
        for band in range(block.values.shape[-1])
    ]
    return Block(_typed(np.stack(bands, axis=-1), dtype), mask)


def _resize(values: NDArray[Any], shape: tuple[int, int], how: Image.Resampling, frame: Box) -> NDArray[np.float32]:
    picture = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    left, top, right, bottom = frame
    frame = max(0.0, left), max(0.0, top), min(float(picture.width), right), min(float(picture.height), bottom)
    return np.asarray(picture.resize((shape[1], shape[0]), how, box=frame))


def _typed(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)

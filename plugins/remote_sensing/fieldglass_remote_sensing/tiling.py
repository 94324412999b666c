"""The tiles of a scene, in the order in which they are read best.

The grid is in pixels of the scene, decimated to the ground sample distance that is asked for. The last row and the
last column are shifted inward, so that every tile is whole; a scene smaller than a tile is one tile. Tiles go in
panels as wide as a reader can keep rows of, row by row in each, so that no block is read twice but at their seams.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Grid", "Tile"]


@dataclass(frozen=True)
class Tile:
    """A tile: its place in the grid, its window in pixels of the scene, and its own shape."""

    level: int
    row: int
    column: int
    window: tuple[float, float, float, float]  # row0, col0, row1, col1
    shape: tuple[int, int]

    @property
    def name(self) -> str:
        """LEVEL,ROW,COL"""
        return f"{self.level},{self.row},{self.column}"

    def locator(self) -> dict[str, Any]:
        """What `Item.locator` keeps."""
        return {"tile": [self.level, self.row, self.column], "window": list(self.window), "shape": list(self.shape)}

    @classmethod
    def of(cls, locator: Mapping[str, Any]) -> Tile:
        """The tile of a locator."""
        level, row, column = locator["tile"]
        row0, col0, row1, col1 = locator["window"]
        height, width = locator["shape"]
        return cls(level, row, column, (row0, col0, row1, col1), (height, width))


@dataclass(frozen=True)
class Grid:
    """The grid over a scene.

    `factors` are pixels of the scene per pixel of a tile, down and across. `panel` is the width of a panel in tiles.
    """

    height: int
    width: int
    size: int
    overlap: int = 0
    factors: tuple[float, float] = (1.0, 1.0)
    panel: int = 1 << 30

    @property
    def level(self) -> int:
        """How often the scene is halved, rounded: 0 for its own pixels."""
        return max(0, round(math.log2(max(1.0, math.sqrt(self.factors[0] * self.factors[1])))))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        down, across = self._sides()
        return len(self._starts(down)), len(self._starts(across))

    def __len__(self) -> int:
        rows, columns = self.shape
        return rows * columns

    def whole(self) -> Tile:
        """The scene as one tile, its longer side `size` at most."""
        factor = max(1.0, self.height / self.factors[0] / self.size, self.width / self.factors[1] / self.size)
        shape = (
            max(1, round(self.height / self.factors[0] / factor)),
            max(1, round(self.width / self.factors[1] / factor)),
        )
        level = max(0, round(math.log2(max(1.0, self.height / shape[0]))))
        return Tile(level, 0, 0, (0.0, 0.0, float(self.height), float(self.width)), shape)

    def tiles(self) -> Iterator[Tile]:
        """Every tile once."""
        down, across = self._sides()
        rows, columns = self._starts(down), self._starts(across)
        height, width = min(self.size, down), min(self.size, across)
        level = self.level
        high, wide = self.height / down, self.width / across  # the factors, so that the last pixel ends the scene
        if abs(high - self.factors[0]) < 1e-9 and abs(wide - self.factors[1]) < 1e-9:
            high, wide = self.factors
        for first in range(0, len(columns), self.panel):
            for row, top in enumerate(rows):
                for column in range(first, min(first + self.panel, len(columns))):
                    left = columns[column]
                    window = (top * high, left * wide, (top + height) * high, (left + width) * wide)
                    yield Tile(level, row, column, window, (height, width))

    def _sides(self) -> tuple[int, int]:
        return max(1, round(self.height / self.factors[0])), max(1, round(self.width / self.factors[1]))

    def _starts(self, side: int) -> list[int]:
        if side <= self.size:
            return [0]
        stride = self.size - self.overlap
        starts = list(range(0, side - self.size + 1, stride))
        if starts[-1] + self.size < side:
            starts.append(side - self.size)
        return starts

"""The colour of a query as a condition that every hit meets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import FilterError, QueryError
from fieldglass_fashion.colour.words import called

if TYPE_CHECKING:
    from fieldglass.types import Bitmap, GalleryView

__all__ = ["COLUMNS", "InColour"]

COLUMNS = ("colour", "color", "colours", "colors")


@dataclass(frozen=True, eq=False)
class InColour:
    """Keeps garments that have one of `colours` and none of `without`.

    By the column `colour` or `color` where the collection has one; else by the pictures, where the encoder
    (`fashion/mini`) tells how much of a garment has a colour: `least` of it, 0 to 1.
    """

    colours: tuple[str, ...]
    without: tuple[str, ...]
    encoder: Any
    field: str
    least: float

    def __str__(self) -> str:
        parts = [f"in {' or '.join(self.colours)}"] if self.colours else []
        return " and ".join(parts + [f"not in {each}" for each in self.without])

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool. QueryError where neither a column nor the encoder tells colours."""
        wanted = [self._has(each, gallery) for each in self.colours]
        kept = np.logical_or.reduce(wanted) if wanted else np.ones(gallery.size, dtype=np.bool_)
        for each in self.without:
            kept &= ~self._has(each, gallery)
        return np.asarray(kept, dtype=np.bool_)

    def _has(self, colour: str, gallery: GalleryView) -> Bitmap:
        for column in COLUMNS:
            try:
                return gallery.select(" OR ".join(_says(column, each) for each in called(colour)))
            except (FilterError, QueryError):  # no such column, or a gallery that has none
                continue
        told = getattr(self.encoder, "colour_shares", None)
        if not callable(told):
            raise QueryError(
                "Nothing here tells the colour of an item: there is no column colour, and "
                f"{getattr(self.encoder, 'name', 'the encoder')} does not see colours by name.",
                hint="Add a column with `fieldglass annotate`, index with fashion/mini, or leave colour=only out.",
            )
        found: Bitmap = np.asarray(told(gallery, self.field, colour)) >= self.least
        return found


def _says(column: str, colour: str) -> str:
    """SQL: whether the column holds a colour as a word of its own."""
    return f"' ' || replace(replace(lower({column}), '/', ' '), ',', ' ') || ' ' LIKE '% {colour} %'"

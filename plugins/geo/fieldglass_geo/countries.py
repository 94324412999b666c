"""Countries as a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import FilterError
from fieldglass.spatial import Area
from fieldglass_geo.reverse import country_area, country_code

if TYPE_CHECKING:
    from fieldglass.types import Bitmap, GalleryView

__all__ = ["InCountries", "in_countries"]


@dataclass(frozen=True)
class InCountries:
    """Keeps the items whose column `country` is one of these codes.

    Where none is (a collection from before there was such a column), the outlines tell.
    """

    codes: tuple[str, ...]

    def __str__(self) -> str:
        return f"in {' or '.join(self.codes)}"

    @cached_property
    def _areas(self) -> tuple[Area, ...]:
        return tuple(map(country_area, self.codes))

    @property
    def outline(self) -> Any:
        """The outlines of all of them."""
        import shapely

        return shapely.union_all([area.outline for area in self._areas])

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool. FilterError where no item has a place or a country."""
        try:
            named = gallery.select("country IN ({})".format(", ".join(f"'{code}'" for code in self.codes)))
            if named.any():
                return named
        except FilterError:  # there is no such column
            pass
        found = np.zeros(gallery.size, dtype=np.bool_)
        for area in self._areas:
            found |= area.bitmap(gallery)
        return found


def in_countries(names: Sequence[str]) -> InCountries:
    """By ISO 3166 codes or English names. UsageError with the near ones where there is no such country."""
    return InCountries(tuple(dict.fromkeys(country_code(name) for name in names)))

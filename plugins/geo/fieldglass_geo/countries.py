"""Countries as a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import FilterError
from fieldglass_geo.locating.middles import middles
from fieldglass_geo.reverse import country_area, country_code
from fieldglass_geo.reverse.countries import countries

if TYPE_CHECKING:
    from fieldglass.types import Bitmap, GalleryView

__all__ = ["InCountries", "in_countries"]


@dataclass(frozen=True)
class InCountries:
    """Keeps the items whose column `country` is one of these codes.

    Where none is (a collection from before there was such a column), the outlines of countries tell, of the middles.
    """

    codes: tuple[str, ...]

    def __str__(self) -> str:
        return f"in {' or '.join(self.codes)}"

    @property
    def outline(self) -> Any:
        """The outlines of all of them."""
        import shapely

        return shapely.union_all([country_area(code).outline for code in self.codes])

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool. FilterError where no item has a place or a country."""
        try:
            named = gallery.select("country IN ({})".format(", ".join(f"'{code}'" for code in self.codes)))
            if named.any():
                return named
        except FilterError:  # there is no such column
            pass
        lat, lon = middles(gallery)
        there = np.flatnonzero(np.isfinite(lat))
        known = countries()
        number = known.of(lat[there], lon[there])  # as `reverse` does, coasts included
        wanted = np.isin(known.codes, self.codes)
        found = np.zeros(gallery.size, dtype=np.bool_)
        found[there] = (number >= 0) & wanted[number]
        return found


def in_countries(names: Sequence[str]) -> InCountries:
    """By ISO 3166 codes or English names. UsageError with the near ones where there is no such country."""
    return InCountries(tuple(dict.fromkeys(country_code(name) for name in names)))

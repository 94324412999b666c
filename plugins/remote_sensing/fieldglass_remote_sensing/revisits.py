"""Items of the same place at another date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import FilterError
from fieldglass.spatial.places import places_of

if TYPE_CHECKING:
    from fieldglass.types import I64, Bitmap, GalleryView

__all__ = ["WHEN", "Revisits", "day_of"]

WHEN = ("any", "before", "after")
_ROUNDING = 1e-6  # of an area: footprints are stored to 8 decimals of a degree


@dataclass(frozen=True, eq=False)
class Revisits:
    """Keeps items whose footprint overlaps `shape` (WGS84) and that were taken on another day than `day`.

    `overlap` is the least share of the smaller of the two footprints, above 0 to 1; `days` how far apart the days are
    at least; `when` is "any", "before" or "after". Items without a footprint or a date are not kept.
    """

    shape: Any
    day: date
    overlap: float = 0.5
    days: int = 1
    when: str = "any"

    def __str__(self) -> str:
        side = "" if self.when == "any" else f" {self.when} it"
        apart = f"{self.days} day{'' if self.days == 1 else 's'} or more from {self.day}{side}"
        return f"overlapping by {self.overlap:.0%}, {apart}"

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool. FilterError where no item has a place, or no item of the same place has a date."""
        found = np.zeros(gallery.size, dtype=np.bool_)
        here = self._overlapping(gallery)
        days = [day_of(cells.get("date")) for cells in gallery.metadata(here)]
        if len(here) and not any(days):
            raise FilterError(
                "No item of the same place has a date.",
                hint="Dates are the column `date`; `fieldglass annotate` adds it from a table.",
            )
        kept = [day is not None and self._apart((day - self.day).days) for day in days]
        found[here[np.array(kept, dtype=np.bool_)]] = True
        return found

    def _apart(self, days: int) -> bool:
        return abs(days) >= self.days and {"any": True, "before": days < 0, "after": days > 0}[self.when]

    def _overlapping(self, gallery: GalleryView) -> I64:
        import shapely

        places = places_of(gallery)
        parts = [places.within(*map(float, each)) for each in shapely.bounds(shapely.get_parts(self.shape))]
        near = np.unique(np.concatenate(parts))
        near = near[~places.point[near]]
        shapes = np.array(places.footprints(near), dtype=object)
        shared = shapely.area(shapely.intersection(shapes, self.shape))
        smaller = np.minimum(shapely.area(shapes), shapely.area(self.shape))
        found: I64 = near[(shared > 0) & (shared >= (self.overlap - _ROUNDING) * smaller)]
        return found


def day_of(value: Any) -> date | None:
    """The day of a date as columns hold it, ISO 8601 text, or as a loader gives it; None where there is none."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None

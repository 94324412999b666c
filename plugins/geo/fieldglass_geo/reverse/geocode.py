"""Points to country, region and place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.spatial.globe import EARTH_KM, wrap
from fieldglass_geo.reverse.countries import countries
from fieldglass_geo.reverse.gazetteer import gazetteer, on_sphere

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, I64

__all__ = ["Where", "reverse"]

_MANY = 64  # places asked for where the nearest is of another country
_FAR_KM = 100.0  # a place farther away says nothing
# parts of a country on the map that have a code of their own
_PARTS = {
    "GF": "FR", "GP": "FR", "MQ": "FR", "RE": "FR", "YT": "FR", "SJ": "NO", "BV": "NO", "BQ": "NL", "CX": "AU",
    "CC": "AU", "TK": "NZ",
}  # fmt: skip


class Where(NamedTuple):
    """ISO 3166 code and English name of the country (None at sea), region and name of the nearest place in it, and
    how far that is. None where no place lies within 100 km."""

    country: str | None = None
    country_name: str | None = None
    admin1: str | None = None
    place: str | None = None
    place_km: float | None = None


def reverse(lat: Sequence[float] | F64, lon: Sequence[float] | F64) -> list[Where]:
    """Degrees to names, one for each point. UsageError where one is not on the globe; longitudes are wrapped.

    The country is that whose polygon holds the point, or whose coast is within about 2 km. The place is the nearest of
    the same country, so that a border zone gets no name from across; `admin1` is the region of that place.
    """
    lats, lons = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    if lats.shape != lons.shape or lats.ndim != 1:
        raise UsageError("reverse takes as many latitudes as longitudes.")
    if not (np.isfinite(lats).all() and np.isfinite(lons).all()) or (np.abs(lats) > 90).any():
        raise UsageError("A latitude is no number from -90 to 90, or a longitude is no number.")
    if not len(lats):
        return []
    lons = wrap(lons)
    known, places = countries(), gazetteer()
    number = known.of(lats, lons)
    codes = np.where(number >= 0, known.codes[number], "")
    points = on_sphere(lats, lons)
    owners = _owners()
    chosen = _chosen(places.nearest(points, 1), codes, owners)
    left = np.flatnonzero(chosen < 0)
    if len(left):
        chosen[left] = _chosen(places.nearest(points[left], _MANY), codes[left], owners)
    chord = np.linalg.norm(points - on_sphere(places.lat[chosen], places.lon[chosen]), axis=1)
    km = 2 * EARTH_KM * np.arcsin(np.clip(chord / 2, 0, 1))
    told = (chosen >= 0) & (km <= _FAR_KM)
    own = places.code[chosen]
    part = told & (own != codes) & (_owners()[chosen] == codes)
    shown = np.where(part, own, codes).tolist()
    names = np.where(number >= 0, known.names[number], "").tolist()
    rows = zip(shown, names, chosen.tolist(), told.tolist(), np.round(km, 1).tolist(), strict=True)
    return [
        Where(code or None, name or None, places.admin1[at] or None, places.name[at], away)
        if near
        else Where(code or None, name or None)
        for code, name, at, near, away in rows
    ]


@cache
def _owners() -> NDArray[np.str_]:
    """The country on the map that each place lies in."""
    codes = gazetteer().code
    owners = codes.copy()
    for part, owner in _PARTS.items():
        owners[codes == part] = owner
    return owners


def _chosen(near: I64, codes: NDArray[np.str_], owners: NDArray[np.str_]) -> I64:
    """(n,) the nearest place of the point's own country, the nearest of all at sea, or -1."""
    right = (owners[near] == codes[:, None]) | (codes == "")[:, None]
    first = right.argmax(axis=1)
    rows = np.arange(len(near))
    return np.where(right[rows, first], near[rows, first], -1)

"""Real spherical harmonics of a place, as SatCLIP uses them (arXiv 2311.17179)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.encoders.location.globe import on_globe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64

    Variant = Literal["legacy_pi", "orthonormal"]

__all__ = ["harmonics"]


def harmonics(places: NDArray[np.float64], degrees: int, variant: Variant = "orthonormal") -> F64:
    """(n, 2) latitude, longitude in degrees -> (n, degrees ** 2) float64, ordered l = 0.., m = -l..l.

    Real form with the Condon-Shortley sign, sines for m < 0, azimuth longitude + 180 and polar angle latitude + 90
    degrees. In "legacy_pi" the terms of m = 0 are pi times too large, as in the published table that the SatCLIP
    checkpoints were trained with. UsageError where a place is not on the globe.
    """
    places = on_globe(places)
    azimuth, polar = np.radians(places[:, 1] + 180), np.radians(places[:, 0] + 90)
    legendre = _normalised_legendre(np.cos(polar), np.sin(polar), degrees)
    columns = []
    for degree in range(degrees):
        for order in range(-degree, degree + 1):
            value = legendre[degree, abs(order)]
            if order == 0:
                columns.append(value * (np.pi if variant == "legacy_pi" else 1.0))
            else:
                wave = np.cos(order * azimuth) if order > 0 else np.sin(-order * azimuth)
                columns.append(np.sqrt(2.0) * wave * value)
    return np.stack(columns, axis=1)


def _normalised_legendre(cosine: F64, sine: F64, degrees: int) -> dict[tuple[int, int], F64]:
    """Associated Legendre functions times sqrt((2l+1)(l-m)!/(4 pi (l+m)!)): no factorial overflows at any degree."""
    found: dict[tuple[int, int], F64] = {(0, 0): np.full_like(cosine, np.sqrt(1 / (4 * np.pi)))}
    for m in range(1, degrees):
        found[m, m] = -np.sqrt((2 * m + 1) / (2 * m)) * sine * found[m - 1, m - 1]
    for m in range(degrees - 1):
        found[m + 1, m] = np.sqrt(2 * m + 3) * cosine * found[m, m]
        for degree in range(m + 2, degrees):
            a = np.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
            b = np.sqrt(((degree - 1) ** 2 - m**2) / (4 * (degree - 1) ** 2 - 1))
            found[degree, m] = a * (cosine * found[degree - 1, m] - b * found[degree - 2, m])
    return found

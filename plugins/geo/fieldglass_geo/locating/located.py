"""What locating gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Located", "Place"]


@dataclass(frozen=True)
class Place:
    """One place of the gallery: where, its share of the probability, the cosine it comes from, and its columns."""

    id: str
    lat: float
    lon: float
    probability: float
    score: float
    position: int
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Located:
    """Where one picture, or sentence, was located.

    `lat` and `lon` are the best point, the mode of the probability. Within `radius_km` of it lies the share `coverage`
    of the probability, and `probability` within the bandwidth of the mode. `places` are the most probable ones of the
    `considered` that the filter left. `names` are those of the best point: country,
    country_name, admin1, place; none of them at sea, and None where no gazetteer is installed.
    """

    name: str
    lat: float
    lon: float
    radius_km: float
    coverage: float
    probability: float
    places: tuple[Place, ...]
    considered: int
    notes: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None
    preview: bytes | None = field(default=None, repr=False)

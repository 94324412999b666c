"""Located pictures as a `SearchResult`: what maps, tables and files are written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fieldglass.result import Asked, Hit, SearchResult

if TYPE_CHECKING:
    from fieldglass_geo.locating.located import Located
    from fieldglass_geo.locating.locator import Locator

__all__ = ["as_dict", "result_of"]


@dataclass(frozen=True)
class _Preview:
    """The preview of a query picture, where a hit looks for its own."""

    picture: bytes | None

    def thumbnail(self, position: int) -> bytes | None:
        return self.picture

    def items(self, positions: Any) -> Sequence[Any]:
        raise LookupError("A query picture is no item.")


def result_of(found: Sequence[Located], locator: Locator, asked: Asked) -> SearchResult:
    """One picture: its best point with rank 0, then its places from rank 1. Several: the best point of each.

    Columns of a best point: `uncertainty_km`, `coverage`, `probability`, names. The score of a hit is its probability.
    """
    hits: list[Hit] = []
    for number, each in enumerate(found, 1):
        hits.append(_best(each, number if len(found) > 1 else 0))
    if len(found) == 1:
        snapshot = locator.view.snapshot
        for rank, place in enumerate(found[0].places, 1):
            cells = {**place.metadata, "lat": place.lat, "lon": place.lon, "cosine": place.score}
            hits.append(Hit(rank, place.id, place.probability, "", cells, place.position, snapshot))
    return SearchResult(
        tuple(hits),
        collection=str(locator.collection.path),
        encoder=locator.collection.field.encoder,
        composer="locate",
        exact=True,
        elapsed_ms={},
        notes=tuple(dict.fromkeys(note for each in found for note in each.notes)),
        asked=asked,
    )


def as_dict(found: Located) -> dict[str, Any]:
    """JSON-able."""
    return {
        "name": found.name,
        "lat": found.lat,
        "lon": found.lon,
        "uncertainty_km": found.radius_km,
        "coverage": found.coverage,
        "probability": found.probability,
        **(found.names or {}),
        "considered": found.considered,
        "notes": list(found.notes),
        "places": [
            {
                "rank": rank,
                "id": place.id,
                "lat": place.lat,
                "lon": place.lon,
                "probability": place.probability,
                "score": place.score,
                "metadata": dict(place.metadata),
            }
            for rank, place in enumerate(found.places, 1)
        ],
    }


def _best(found: Located, rank: int) -> Hit:
    cells = {
        "lat": found.lat,
        "lon": found.lon,
        "uncertainty_km": found.radius_km,
        "coverage": found.coverage,
        "probability": found.probability,
        **(found.names or {}),
    }
    return Hit(rank, found.name, found.probability, "", cells, 0, _Preview(found.preview))

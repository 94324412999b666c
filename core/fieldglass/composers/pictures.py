"""The pictures of a batch of queries one by one, for composers that put each into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import QueryError

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query, QueryImage, Sample

__all__ = ["Shown", "raw_vectors", "sample_of", "shown"]


@dataclass(frozen=True)
class Shown:
    """Distinct `images`, and per query (place among them, weight); a negative picture has a weight below 0."""

    images: tuple[QueryImage, ...]
    parts: tuple[tuple[tuple[int, float], ...], ...]


def shown(queries: Sequence[Query], name: str) -> Shown:
    """The pictures of each query; one given twice is there once. QueryError where a query shows nothing."""
    places: dict[object, int] = {}
    images: list[QueryImage] = []
    parts = []
    for row, query in enumerate(queries):
        found = []
        for image in query.images:
            key = ("id", image.id) if image.id is not None else id(image)
            if key not in places:
                places[key] = len(images)
                images.append(image)
            weight = -image.weight if image.role == "negative" else image.weight
            if weight:
                found.append((places[key], weight))
        if not found:
            raise QueryError(
                f"{name!r} needs a picture, and query {row + 1} of {len(queries)} has none.",
                hint="Give --image FILE or --like ID.",
            )
        parts.append(tuple(found))
    return Shown(tuple(images), tuple(parts))


def sample_of(image: QueryImage, gallery: GalleryView) -> Sample:
    """The decoded picture: as given, or the item read again by its loader."""
    if image.id is not None:
        return gallery.read(image.id)
    if image.sample is None:
        raise QueryError("A picture of the query has neither an id nor a sample.")
    return image.sample


def raw_vectors(images: Sequence[QueryImage], encoder: Any, gallery: GalleryView) -> F32:
    """(n, d) float32 before normalisation, the mean where an item has several; indexed items are decoded again."""
    encoding: Encoder = encoder
    prepared = [encoding.prepare(sample_of(image, gallery)) for image in images]
    return np.asarray(encoder.raw_images(prepared).mean(axis=1), dtype=np.float32)

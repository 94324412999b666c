"""The picture vector and the text vector of each query of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.encoders import as_query, encode
from fieldglass.errors import QueryError

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, F64, GalleryView, Query, QueryImage

__all__ = ["picture_vectors", "stored", "text_vectors", "unit"]

TINY = 1e-12


def unit(vectors: F32) -> F32:
    """Rows (n, d) at unit L2 norm, float32; QueryError where a row has none."""
    rows = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if (norms < TINY).any():
        raise QueryError(
            f"The parts of query {int(np.argmin(norms)) + 1} cancel out: nothing is left to search with.",
            hint="Change the weights, or drop the negative part.",
        )
    return np.asarray(rows / norms, dtype=np.float32)


def stored(rows: F32, dtype: str) -> F32:
    """Fresh vectors as the collection would give them back: rounded to f16, or to signs of 1/sqrt(d).

    So that a picture given as a file and the same picture given by id are the same query.
    """
    if dtype == "f16":
        return rows.astype(np.float16).astype(np.float32)
    if dtype == "bits":
        size = np.float32(1 / np.sqrt(rows.shape[-1]))
        return np.where(rows > 0, size, -size).astype(np.float32)
    return rows


def picture_vectors(
    queries: Sequence[Query],
    encoder: Encoder,
    gallery: GalleryView,
    field: str = "image",
    *,
    name: str,
    form: Callable[[Any, F32], F32] = as_query,
) -> F32:
    """(n, d) float32: what each query shows, by `QueryEncoder.as_query` where the encoder has it.

    `form` turns stored rows into vectors: `as_text` gives the pictures as descriptions.

    One picture gives its own vector. Several (and the place, if any) give the unit vector of their
    weighted sum; the role `negative` turns a weight's sign. QueryError where a query shows nothing.
    """
    by_id = [image.id for query in queries for image in query.images if image.id is not None]
    fresh = [image for query in queries for image in query.images if image.id is None]
    known = dict(zip(by_id, _indexed(by_id, encoder, gallery, field, form), strict=True))
    new = dict(zip(map(id, fresh), _encoded(fresh, encoder, form), strict=True))
    parts: list[list[tuple[float, F32]]] = []
    for query in queries:
        found = [
            (_signed(image.role, image.weight), known[image.id] if image.id is not None else new[id(image)])
            for image in query.images
        ]
        if query.place is not None:
            found.append((1.0, _place(query.place, encoder, form)))
        parts.append(found)
    return _sums(parts, f"{name!r} needs a picture, and query", "Give --image FILE or --like ID.")


def text_vectors(queries: Sequence[Query], encoder: Encoder, *, name: str) -> F32:
    """(n, d) float32: what each query says, but for texts of the role `description`, which say what it shows.

    One sentence gives its own vector; several give the unit vector of their weighted sum; the role
    `negative` turns a weight's sign. QueryError where a query says nothing.
    """
    said = [[text for text in query.texts if text.role != "description"] for query in queries]
    sentences = list(dict.fromkeys(text.text for texts in said for text in texts))
    if any(not sentence.strip() for sentence in sentences):
        raise QueryError("The text of a query is empty.", hint="Say what to look for, or leave the text out.")
    known: dict[str, F32] = {}
    if sentences:
        if not callable(getattr(encoder, "texts", None)):
            raise QueryError(f"{encoder.name} does not read text.", hint="Search by picture, or use another encoder.")
        vectors = np.asarray(encoder.texts(sentences), dtype=np.float32)  # type: ignore[attr-defined]
        known = dict(zip(sentences, vectors, strict=True))
    parts = [[(_signed(text.role, text.weight), known[text.text]) for text in texts] for texts in said]
    return _sums(parts, f"{name!r} needs a text, and query", "Give --text.")


def _signed(role: str, weight: float) -> float:
    return -weight if role == "negative" else weight


def _sums(parts: Sequence[Sequence[tuple[float, F32]]], lacking: str, hint: str) -> F32:
    for row, found in enumerate(parts):
        if not any(weight for weight, _ in found):
            raise QueryError(f"{lacking} {row + 1} of {len(parts)} has none.", hint=hint)
    if all(len(found) == 1 and found[0][0] > 0 for found in parts):
        return np.stack([found[0][1] for found in parts])
    sums: list[F64] = []
    for found in parts:
        sums.append(np.sum([weight * vector.astype(np.float64) for weight, vector in found], axis=0))
    whole = unit(np.stack(sums).astype(np.float32))
    for row, found in enumerate(parts):  # a single picture is never rounded, so that batch equals loop
        if len(found) == 1 and found[0][0] > 0:
            whole[row] = found[0][1]
    return whole


def _indexed(
    ids: Sequence[str], encoder: Encoder, gallery: GalleryView, field: str, form: Callable[[Any, F32], F32]
) -> Sequence[F32]:
    if not ids:
        return []
    positions = gallery.positions(list(ids))
    for name, position in zip(ids, positions, strict=True):
        if position < 0:
            raise QueryError(f"There is no item {name!r} in this collection.")
    rows = gallery.vectors(field, positions)
    for name, row in zip(ids, rows, strict=True):
        if not row.any():
            raise QueryError(f"Item {name!r} has no vector in the field {field!r}.")
    return list(form(encoder, rows))


def _encoded(images: Sequence[QueryImage], encoder: Encoder, form: Callable[[Any, F32], F32]) -> Sequence[F32]:
    if not images:
        return []
    samples = [image.sample for image in images]
    if any(sample is None for sample in samples):
        raise QueryError("A picture of the query has neither an id nor a sample.")
    rows = encode(encoder, [encoder.prepare(sample) for sample in samples if sample is not None])
    return list(form(encoder, stored(rows, encoder.dtype)))


def _place(place: tuple[float, float], encoder: Any, form: Callable[[Any, F32], F32]) -> F32:
    if not callable(getattr(encoder, "places", None)):
        raise QueryError(f"{encoder.name} does not encode places.", hint="Use an encoder with the capability `places`.")
    latitude, longitude = place
    if not (np.isfinite(place).all() and -90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise QueryError(f"({latitude}, {longitude}) is no place: latitude -90 to 90, longitude -180 to 180 degrees.")
    rows = np.asarray(encoder.places(np.array([place], dtype=np.float64)), dtype=np.float32)
    return np.asarray(form(encoder, stored(rows[:, None, :], encoder.dtype))[0], dtype=np.float32)

"""Encoders, and the one place where prepared samples become vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError, WeightsError
from fieldglass.interfaces import Encoder

if TYPE_CHECKING:
    from fieldglass.types import F32, Prepared

__all__ = ["as_query", "as_text", "capabilities", "encode"]

_SLACK = 0.02  # of a norm; half precision is well within
_METHODS = {
    "images": "images",
    "texts": "texts",
    "places": "places",
    "pairs": "pairs",
    "patches": "patches",
    "tokens": "pseudo_texts",
    "raw": "raw_images",
    "as_query": "as_query",
}


def capabilities(encoder: Encoder) -> frozenset[str]:
    """The names a composer may require: images, texts, places, pairs, patches, tokens, raw, as_query."""
    return frozenset(name for name, method in _METHODS.items() if callable(getattr(encoder, method, None)))


def encode(encoder: Encoder, prepared: Sequence[Prepared]) -> F32:
    """Prepared samples of any towers -> (n, rows, dim) float32, in order.

    A text or a place has one vector, which every row repeats. WeightsError where the encoder gives another shape, NaN
    or infinity, or vectors that are not of unit norm.
    """
    vectors = np.empty((len(prepared), encoder.rows, encoder.dim), dtype=np.float32)
    for tower in dict.fromkeys(each.tower for each in prepared):
        rows = [row for row, each in enumerate(prepared) if each.tower == tower]
        found = _tower(encoder, tower, [prepared[row] for row in rows])
        if found.shape != (len(rows), encoder.rows, encoder.dim):
            raise WeightsError(
                f"{encoder.name} gave vectors of shape {found.shape}, not {(len(rows), encoder.rows, encoder.dim)}."
            )
        if not np.isfinite(found).all():
            raise WeightsError(f"{encoder.name} gave NaN or infinity.", hint="Its weights may be damaged.")
        norms = np.linalg.norm(found, axis=2)
        if np.abs(norms - 1).max() > _SLACK:
            raise WeightsError(f"{encoder.name} gave vectors of norm {norms.min():.3g} to {norms.max():.3g}, not 1.")
        vectors[rows] = found
    return vectors


def _tower(encoder: Any, tower: str, batch: Sequence[Prepared]) -> F32:
    kinds = {each.kind for each in encoder.accepts if each.tower == tower}
    if not kinds:
        raise UsageError(f"{encoder.name} has no tower {tower!r}.")
    if kinds == {"text"}:
        found = np.asarray(encoder.texts([each.content for each in batch]), dtype=np.float32)
        return np.repeat(found[:, None, :], encoder.rows, axis=1)
    if kinds == {"place"}:
        places = np.array([each.content for each in batch], dtype=np.float64)
        found = np.asarray(encoder.places(places), dtype=np.float32)
        return np.repeat(found[:, None, :], encoder.rows, axis=1)
    return np.asarray(encoder.images(batch), dtype=np.float32)


def as_query(encoder: Any, rows: F32) -> F32:
    """Stored rows (n, rows, dim) -> (n, dim), the items used as pictures: `as_query`, else their unit mean."""
    if callable(getattr(encoder, "as_query", None)):
        return np.asarray(encoder.as_query(rows), dtype=np.float32)
    return _unit_mean(rows)


def as_text(encoder: Any, rows: F32) -> F32:
    """Stored rows (n, rows, dim) -> (n, dim), the items used as descriptions: `as_text`, else their unit mean."""
    if callable(getattr(encoder, "as_text", None)):
        return np.asarray(encoder.as_text(rows), dtype=np.float32)
    return _unit_mean(rows)


def _unit_mean(rows: F32) -> F32:
    if rows.shape[1] == 1:
        return rows[:, 0]
    mean = rows.mean(axis=1)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12), dtype=np.float32)

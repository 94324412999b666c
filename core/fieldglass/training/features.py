"""Vectors of a collection's items for training, before normalisation where the encoder has that: computed once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.pictures import raw_vectors
from fieldglass.encoders import as_query, capabilities
from fieldglass.models.cache import cache_dir
from fieldglass.types import QueryImage

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.types import F32

__all__ = ["picture_features", "target_vectors"]

_PIECE = 32


def target_vectors(collection: Collection, ids: Sequence[str]) -> F32:
    """(n, d) float32, unit: what a search compares with; the mean where an item has several rows."""
    view = collection.engine.view()
    rows = view.vectors(collection.field.name, view.positions(list(ids))).mean(axis=1)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def picture_features(collection: Collection, ids: Sequence[str]) -> F32:
    """(n, d) float32 of items as references: before normalisation, else as the encoder probes a stored picture.

    The former are decoded and encoded once, and kept in the cache by what they are of.
    """
    view, encoder = collection.engine.view(), collection.encoder
    stored = view.vectors(collection.field.name, view.positions(list(ids)))
    if "raw" not in capabilities(encoder):
        return as_query(encoder, stored)
    digest = hashlib.sha256(encoder.fingerprint.encode())
    digest.update("\n".join(ids).encode())
    digest.update(np.ascontiguousarray(stored).tobytes())
    path = cache_dir() / "training" / f"raw-{digest.hexdigest()[:32]}.npy"
    if path.is_file():
        kept: F32 = np.load(path, allow_pickle=False)
        return kept
    pieces = [
        raw_vectors([QueryImage(id=each) for each in ids[start : start + _PIECE]], encoder, view)
        for start in range(0, len(ids), _PIECE)
    ]
    found = np.concatenate(pieces)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.stem}.{os.getpid()}.npy")
    np.save(fresh, found)
    fresh.replace(path)
    return found

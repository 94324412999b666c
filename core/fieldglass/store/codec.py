"""How vectors are stored: float32, float16, or one bit per dimension (its sign)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.store.records import Field

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["decode", "encode", "stored_dtype", "stored_width"]

_DTYPES = {"f32": "<f4", "f16": "<f2", "bits": "|u1"}


def stored_dtype(field: Field) -> np.dtype[Any]:
    """The numpy dtype of the field's array files."""
    return np.dtype(_DTYPES[field.dtype])


def stored_width(field: Field) -> int:
    """Numbers per row on disk: dim, or dim/8 bytes."""
    return field.dim // 8 if field.dtype == "bits" else field.dim


def check_spec(field: Field) -> None:
    """UsageError where the field cannot be stored."""
    if field.dtype not in _DTYPES:
        raise UsageError(f"Field {field.name!r} has dtype {field.dtype!r}.", hint=f"One of {', '.join(_DTYPES)}.")
    if field.dim < 1 or field.rows < 1:
        raise UsageError(f"Field {field.name!r} has {field.rows} rows of {field.dim} dimensions.")
    if field.dtype == "bits" and field.dim % 8:
        raise UsageError(f"Field {field.name!r} is stored as bits; its dim must be a multiple of 8, not {field.dim}.")


def encode(field: Field, vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(n, rows, dim) of any float -> (n, rows, width) as stored. UsageError on another shape, NaN or infinity."""
    if vectors.ndim != 3 or vectors.shape[1:] != (field.rows, field.dim):
        raise UsageError(f"Field {field.name!r} takes (n, {field.rows}, {field.dim}) vectors, not {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise UsageError(
            f"Field {field.name!r} was given NaN or infinity.", hint="The encoder or its weights are wrong."
        )
    if field.dtype == "bits":
        return np.packbits(vectors > 0, axis=-1)
    return np.ascontiguousarray(vectors, dtype=stored_dtype(field))


def decode(field: Field, stored: np.ndarray[Any, Any]) -> F32:
    """(n, rows, width) as stored -> (n, rows, dim) float32; bits become +-1/sqrt(dim)."""
    if field.dtype == "bits":
        signs = np.unpackbits(np.asarray(stored), axis=-1).astype(np.float32)
        return (signs * 2 - 1) / np.float32(np.sqrt(field.dim))
    return np.asarray(stored, dtype=np.float32)

"""Picture and text as one vector: a weighted sum, or a point on the arc between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.vectors import picture_vectors, text_vectors, unit
from fieldglass.errors import UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query

__all__ = ["Slerp", "Sum", "share"]

PARALLEL = 1e-6  # radians; below it the arc is a line


def share(text_weight: float) -> float:
    """A text weight of 0 to 1, or UsageError."""
    if not 0 <= text_weight <= 1:
        raise UsageError(f"text_weight is the share of the text, 0 to 1, not {text_weight}.")
    return text_weight


class Sum:
    """(1 - text_weight) picture + text_weight text, both at unit norm."""

    requires = frozenset({"texts"})

    def __init__(self, *, text_weight: float = 0.5, field: str = "image") -> None:
        self.text_weight = share(text_weight)
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> two probes with n rows each."""
        pictures = unit(picture_vectors(queries, encoder, gallery, self.field, name="sum"))
        texts = unit(text_vectors(queries, encoder, name="sum"))
        return Probes(
            (
                Probe(self.field, pictures, 1 - self.text_weight, label="image"),
                Probe(self.field, texts, self.text_weight, label="text"),
            ),
            Fusion("sum", "linear"),
        )


class Slerp:
    """The point at `text_weight` of the way along the great circle from the picture to the text."""

    requires = frozenset({"texts"})

    def __init__(self, *, text_weight: float = 0.5, field: str = "image") -> None:
        self.text_weight = share(text_weight)
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows."""
        pictures = unit(picture_vectors(queries, encoder, gallery, self.field, name="slerp"))
        texts = unit(text_vectors(queries, encoder, name="slerp"))
        between = slerp(pictures, texts, self.text_weight)
        return Probes((Probe(self.field, between, label="image to text"),), Fusion("slerp", "linear"))


def slerp(start: F32, end: F32, share: float) -> F32:
    """Unit rows (n, d) and (n, d) -> unit rows (n, d). Opposite rows have no arc: QueryError, by `unit`."""
    a, b = start.astype(np.float64), end.astype(np.float64)
    angle = np.arccos(np.clip((a * b).sum(axis=1, keepdims=True), -1.0, 1.0))
    arc = np.sin(angle)
    flat = arc < PARALLEL
    safe = np.where(flat, 1.0, arc)
    first = np.where(flat, 1 - share, np.sin((1 - share) * angle) / safe)
    second = np.where(flat, share, np.sin(share * angle) / safe)
    return unit((first * a + second * b).astype(np.float32))

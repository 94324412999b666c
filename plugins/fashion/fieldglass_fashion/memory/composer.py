"""`fashion/memory`: a session's turns written into a trained memory, and the query read out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.turns import refused, turns
from fieldglass.composers.vectors import picture_vectors, text_vectors, unit
from fieldglass.errors import QueryError, UsageError
from fieldglass.types import Fusion, Probe, Probes, Query
from fieldglass_fashion.memory.cascade import load_cascade

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F64, GalleryView

__all__ = ["SessionMemory"]


class SessionMemory:
    """One vector: what the memory makes of all turns, less `refused` times each picture that was refused.

    :param weights: a file of `fieldglass train fashion/memory`.
    :param check: refuse a network that was trained on another encoder.
    """

    requires: frozenset[str] = frozenset({"texts"})
    name = "fashion/memory"

    def __init__(self, *, weights: str = "", refused: float = 0.5, check: bool = True, field: str = "image") -> None:
        if not 0 <= refused < np.inf:
            raise UsageError(f"refused is 0 or more, not {refused}.")
        self.weights, self.refused, self.check, self.field = weights, refused, check, field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries with their histories -> one probe with n unit rows."""
        network = load_cascade(self.weights, encoder, check=self.check)
        said = [[turn for turn in turns(query) if _asks(turn)] for query in queries]
        for row, each in enumerate(said):
            if not each:
                raise QueryError(
                    f"Nothing is asked for in query {row + 1} of {len(queries)}, nor in a turn before it.",
                    hint="Give a picture (--image, --like), a text (--text), or both.",
                )
        shape = (len(queries), max(map(len, said)), encoder.dim)
        pictures, texts, away = np.zeros(shape), np.zeros(shape), np.zeros((shape[0], shape[2]))
        self._fill(pictures, said, encoder, gallery)
        spoken = [(row, at, turn) for row, each in enumerate(said) for at, turn in enumerate(each) if _speaks(turn)]
        if spoken:
            vectors = unit(text_vectors([turn for _, _, turn in spoken], encoder, name=self.name))
            for (row, at, _), vector in zip(spoken, vectors, strict=True):
                texts[row, at] = vector
        state = network.begin(len(queries))
        for turn in range(shape[1]):
            state = network.step(state, pictures[:, turn], texts[:, turn])
        total = network.query(state)
        if self.refused:
            total -= self.refused * self._away(away, queries, encoder, gallery)
        found = unit(total.astype(np.float32))
        return Probes((Probe(self.field, found, label="remembered"),), Fusion(self.name, "linear"))

    def _fill(self, pictures: F64, said: Sequence[Sequence[Query]], encoder: Encoder, gallery: GalleryView) -> None:
        shown = []
        for row, each in enumerate(said):
            for at, turn in enumerate(each):
                kept = tuple(replace(image, role="reference") for image in turn.images if not refused(image))
                if kept or turn.place is not None:
                    shown.append((row, at, replace(turn, images=kept, texts=())))
        if shown:
            vectors = unit(picture_vectors([turn for *_, turn in shown], encoder, gallery, self.field, name=self.name))
            for (row, at, _), vector in zip(shown, vectors, strict=True):
                pictures[row, at] = vector

    def _away(self, total: F64, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> F64:
        marked = [
            (row, replace(image, role="reference", weight=1.0))
            for row, query in enumerate(queries)
            for turn in turns(query)
            for image in turn.images
            if refused(image)
        ]
        if marked:
            alone = [Query(images=(image,)) for _, image in marked]
            vectors = unit(picture_vectors(alone, encoder, gallery, self.field, name=self.name))
            for (row, _), vector in zip(marked, vectors, strict=True):
                total[row] += vector
        return total


def _asks(turn: Query) -> bool:
    return bool(_speaks(turn) or turn.place is not None or any(not refused(image) for image in turn.images))


def _speaks(turn: Query) -> bool:
    return any(text.role != "description" and text.weight for text in turn.texts)

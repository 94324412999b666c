"""Sentences through a BERT to the vector of its first token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass_medical.encoders.bert import embedded, encoded

if TYPE_CHECKING:
    from fieldglass.encoders.device import Placement
    from fieldglass.types import F32
    from fieldglass_medical.encoders.words import Words

__all__ = ["first_states"]

_BATCH = 32


def first_states(
    model: Any, words: Words, texts: Sequence[str], placement: Placement, project: Callable[[Any], Any]
) -> F32:
    """(n,) str -> (n, dim) float32: `project` of the last hidden state of [CLS]. Sentences of a length go together."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found: list[Any] = [None] * len(texts)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        ids, mask = words([texts[row] for row in rows], placement.device)
        with placement.inference():
            states = project(encoded(model, embedded(model, ids), mask)[:, 0])
        for row, each in zip(rows, states.float().cpu().numpy(), strict=True):
            found[row] = each
    return np.asarray(found, dtype=np.float32)

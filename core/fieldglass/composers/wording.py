"""What a query asks for and what it refuses, as sentences with weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.vectors import unit
from fieldglass.composers.vocabulary import text_rows
from fieldglass.errors import QueryError

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, Query

__all__ = ["Said", "asked", "joined", "weighted_rows", "without_refused"]

Said = tuple[str, float]  # a sentence and its weight, above 0


def asked(query: Query, name: str, *, roles: tuple[str, ...] = ()) -> list[Said]:
    """The sentences that ask for something, of these roles (of any but `negative` and `description` by default).

    A weight below 0 refuses; that of a negative text asks. QueryError where a sentence is empty or none asks.
    """
    found: list[Said] = []
    for text in query.texts:
        if not text.text.strip():
            raise QueryError("The text of a query is empty.", hint="Say what to look for, or leave the text out.")
        wanted = text.role in (*roles, "negative") if roles else text.role != "description"
        weight = -text.weight if text.role == "negative" else text.weight
        if wanted and weight > 0:
            found.append((text.text.strip(), weight))
    if not found:
        raise QueryError(f"{name!r} needs a text that asks for something, and a query has none.", hint="Give --text.")
    return found


def joined(said: Sequence[Said]) -> list[Said]:
    """Prompts for several sentences, by the custom for FashionIQ: "a and b" and "b and a", in equal parts.

    Sentences of different weights cannot share a prompt: each is its own.
    """
    if len(said) == 1 or len({weight for _, weight in said}) > 1:
        return list(said)
    texts = [text for text, _ in said]
    return [(" and ".join(texts), 1.0), (" and ".join(reversed(texts)), 1.0)]


def weighted_rows(parts: Sequence[Sequence[Said]], encoder: Encoder) -> F32:
    """Per query the weighted sentences -> (n, d): their own unit vector, or the weighted sum of several."""
    places = {text: place for place, text in enumerate(dict.fromkeys(text for part in parts for text, _ in part))}
    known = text_rows(list(places), encoder)
    found = np.empty((len(parts), known.shape[1]), dtype=np.float32)
    for row, part in enumerate(parts):
        mine = known[[places[text] for text, _ in part]]
        single = len(part) == 1 and part[0][1] == 1  # its own vector, never rounded
        found[row] = mine[0] if single else np.array([weight for _, weight in part]) @ mine.astype(np.float64)
    return found


def without_refused(vectors: F32, queries: Sequence[Query], encoder: Encoder) -> F32:
    """Rows (n, d), less the weighted unit vector of each negative sentence: untouched where there is none."""
    refused = [
        [
            (text.text, abs(text.weight))
            for text in query.texts
            if text.weight and text.role != "description" and (text.role == "negative") != (text.weight < 0)
        ]
        for query in queries
    ]
    rows = [row for row, each in enumerate(refused) if each]
    if not rows:
        return vectors
    found = vectors.copy()
    kept = unit(vectors[rows]).astype(np.float64) - weighted_rows([refused[row] for row in rows], encoder)
    found[rows] = unit(kept.astype(np.float32))
    return found

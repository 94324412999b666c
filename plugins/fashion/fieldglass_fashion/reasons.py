"""Why a product is a hit, in words that a shop's visitor understands: how near it is to each thing that was asked.

Nearness is told as the share of the shop that is less near: the normal distribution of the scores over all items, as
`weicom` calibrates them. It does not depend on how the search joined the parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.normal import normal_cdf
from fieldglass.encoders import capabilities
from fieldglass_fashion.edits.asked import parse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.collection import Collection
    from fieldglass.result import SearchResult
    from fieldglass.types import Query

__all__ = ["reasons"]

_NAMES = {"positive": "the liked picture {}", "negative": "the refused picture {}"}
_REASON = 0.6  # less near than so much of the shop is no reason


def reasons(collection: Collection, query: Query, result: SearchResult) -> dict[str, str]:
    """One sentence for each hit, by id; of pictures alone, where the encoder reads no sentences by themselves."""
    positions = np.array([hit.position for hit in result], dtype=np.int64)
    if not len(positions):
        return {}
    told: list[list[str]] = [[] for _ in positions]
    reads = "texts" in capabilities(collection.encoder)
    for name, part, wanted, last in (each for each in _parts(query) if reads or not each[1].texts):
        for row, share in enumerate(_shares(collection, part, positions)):
            if not wanted:
                told[row] += [f"unlike {name}"] if share < 1 - _REASON else []
            elif share >= _REASON:
                told[row].append(f"{name}: nearer than {_percent(share)} of the shop")
            elif last:  # a later turn may have overruled what an earlier one asked for
                told[row].append(f"less by {name}")
    return {hit.id: "; ".join(said) or "a little of everything" for hit, said in zip(result, told, strict=True)}


def _parts(query: Query) -> Iterator[tuple[str, Query, bool, bool]]:
    """What was asked, part by part: its name, a query of it alone, whether it is wanted, and whether it came last."""
    bare = replace(query, images=(), texts=(), place=None, history=())
    asking = [turn for turn in (*query.history, query) if turn.images or turn.texts]
    for number, turn in enumerate(asking, 1):
        last = number == len(asking)
        for image in turn.images:
            alone = replace(bare, images=(replace(image, role="reference", weight=1.0),))
            yield (
                _NAMES.get(image.role, "the picture").format(image.id or "").strip(),
                alone,
                image.role != "negative",
                last,
            )
        for text in turn.texts:
            for phrase, wanted in _phrases(text.text):
                alone = replace(bare, texts=(replace(text, text=phrase, role="modification", weight=1.0),))
                yield f"“{phrase}”", alone, wanted != (text.role == "negative"), last


def _phrases(sentence: str) -> list[tuple[str, bool]]:
    """A sentence as it is; one that refuses something ("in blue, without a belt") phrase by phrase."""
    edits = parse(sentence)
    away = [(phrase, False) for phrase in (*edits.refused, *edits.not_colours)]
    return [*((phrase, True) for phrase in (*edits.wanted, *edits.colours)), *away] if away else [(sentence, True)]


def _shares(collection: Collection, part: Query, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of all items that are less near than those at `positions`."""
    view, field = collection.engine.view(), collection.field
    composer = collection.made("image" if part.images else "text")
    vector = composer.compose([part], collection.encoder, view).probes[0].vectors[0].astype(np.float64)
    scores = (view.vectors(field.name, positions).astype(np.float64) @ vector).max(axis=1)
    if field.rows == 1:
        means, spreads = view.moments(field.name).of_scores(vector[None].astype(np.float32))
        mean, spread = float(means[0]), float(spreads[0])
    else:
        every = view.scores(field.name, vector[None].astype(np.float32))[0]
        every = every[np.isfinite(every)].astype(np.float64)
        mean, spread = float(every.mean()), float(every.std())
    if spread <= 0:
        return np.full(len(positions), 0.5)
    return np.asarray(normal_cdf((scores - mean) / spread))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 0.99 else f"{min(100 * share, 99.9):.1f} %"

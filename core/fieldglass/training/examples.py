"""Triplets as arrays: what a training on cached vectors reads, and what it is validated on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.combiner import text_features
from fieldglass.errors import UsageError
from fieldglass.training.features import picture_features, target_vectors
from fieldglass.training.triplets import Triplet, variants

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.types import F32, I64

__all__ = ["Examples", "held_out", "made"]


@dataclass(frozen=True)
class Examples:
    """n triplets. Rows of `pictures` (references), `gallery` (unit) and `texts` (distinct sentences) by number.

    `said` (n, v) are the sentences that a triplet may say, the first the one for evaluation; `allowed` holds per
    group the rows of the gallery that are searched; `shown` (n,) is the row of the reference itself, which
    is no hit where `exclude` says so.
    """

    pictures: F32
    gallery: F32
    texts: F32
    references: I64
    targets: I64
    said: I64
    groups: tuple[str, ...]
    allowed: Mapping[str, I64]
    shown: I64
    exclude: bool
    digest: str

    def __len__(self) -> int:
        return len(self.references)


def made(
    collection: Collection,
    triplets: Sequence[Triplet],
    galleries: Mapping[str, Sequence[str]] | None,
    *,
    exclude: bool,
) -> tuple[Examples, int]:
    """The arrays, and how many triplets were left out since the collection lacks a picture of theirs.

    `galleries` are the ids that each group is searched among; None is the whole collection.
    UsageError where nothing is left.
    """
    snapshot = collection.store.snapshot()
    ids = snapshot.ids(np.flatnonzero(snapshot.present(collection.field.name)))
    place = {name: row for row, name in enumerate(ids)}
    kept = [each for each in triplets if each.reference in place and each.target in place]
    if not kept:
        raise UsageError(
            f"None of the {len(triplets)} triplets is of pictures of {collection.path}.",
            hint=f"Their ids must be those of the collection, such as {ids[0]!r}."
            if ids
            else "Index the pictures first.",
        )
    references = list(dict.fromkeys(each.reference for each in kept))
    sentences = list(dict.fromkeys(text for each in kept for text in variants(each.texts)))
    widest = max(len(variants(each.texts)) for each in kept)
    number = {text: row for row, text in enumerate(sentences)}
    at = {name: row for row, name in enumerate(references)}
    said = [[number[text] for text in _filled(variants(each.texts), widest)] for each in kept]
    groups = tuple(each.group for each in kept)
    gallery = target_vectors(collection, ids)
    allowed = {
        group: np.array([place[name] for name in galleries[group] if name in place], dtype=np.int64)
        if galleries is not None
        else np.arange(len(ids))
        for group in dict.fromkeys(groups)
    }
    digest = hashlib.sha256(repr((collection.encoder.fingerprint, ids, kept)).encode())
    digest.update(gallery.tobytes())
    return Examples(
        picture_features(collection, references),
        gallery,
        text_features(sentences, collection.encoder),
        np.array([at[each.reference] for each in kept]),
        np.array([place[each.target] for each in kept]),
        np.array(said),
        groups,
        allowed,
        np.array([place[each.reference] for each in kept]),
        exclude,
        digest.hexdigest(),
    ), len(triplets) - len(kept)


def held_out(triplets: Sequence[Triplet], share: float, seed: int) -> tuple[list[Triplet], list[Triplet]]:
    """Triplets to train on and to validate on: no reference is in both. UsageError where either would be empty."""
    references = sorted({each.reference for each in triplets})
    order = np.random.default_rng((seed, 17)).permutation(len(references))
    apart = {references[place] for place in order[: max(1, round(share * len(references)))]}
    parts = (
        [each for each in triplets if each.reference not in apart],
        [each for each in triplets if each.reference in apart],
    )
    if not all(parts):
        raise UsageError(
            f"{len(references)} references cannot be split into training and validation.",
            hint="Give more triplets, or a file of others with --set validation=FILE.",
        )
    return parts


def _filled(texts: Sequence[str], count: int) -> list[str]:
    """Repeated, so that each stays about as likely."""
    return [texts[place % len(texts)] for place in range(count)]

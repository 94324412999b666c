"""Local features with geometric verification: the first hits by how much of the query picture lies in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.rerankers.features import Attentive, Extractor, Sift
from fieldglass.rerankers.geometry import verified
from fieldglass.rerankers.head import reordered
from fieldglass.rerankers.pictures import FeatureCache

if TYPE_CHECKING:
    from fieldglass.types import GalleryView, Probes, Query, Ranking

__all__ = ["Local"]

_CACHE = FeatureCache()


class Local:
    """The first `m` hits by matches with the query's pictures that one homography explains; the others stay below.

    `features` is "sift" (no weights, any rotation) or "attentive" (DELF-style, on `mini`'s backbone or that of timm
    which `model` and `weights` name; nothing is downloaded), `count` of them for each picture. A hit with `least`
    matches at least (by default 10 and 25) is verified and comes first; its score is their number. The others keep
    order and score. `source` "auto" decodes the item again and takes its stored preview where that fails; "file" and
    "preview" settle it. Needs the extra `local` (OpenCV).
    """

    def __init__(
        self,
        *,
        m: int = 50,
        features: Literal["sift", "attentive"] = "sift",
        count: int = 500,
        least: int | None = None,
        source: Literal["auto", "file", "preview"] = "auto",
        model: str = "",
        weights: str = "",
    ) -> None:
        if m < 1 or count < 4 or (least is not None and least < 4):
            raise UsageError(f"local takes m of 1 or more, count and least of 4 or more, not {m}, {count}, {least}.")
        if features not in ("sift", "attentive") or source not in ("auto", "file", "preview"):
            raise UsageError(
                f"local takes features 'sift' or 'attentive', source 'auto', 'file' or 'preview', not "
                f"{features!r} and {source!r}."
            )
        if (model or weights) and features == "sift":
            raise UsageError("sift has no model.", hint="Add --rerank-set features=attentive.")
        self.depth, self.source = m, source
        self._make: Extractor = Sift(count) if features == "sift" else Attentive(count, model, weights)
        self._key = f"{features} {count} {source} {model} {weights}"
        self.least = self._make.least if least is None else least

    def rerank(self, query: Query, probes: Probes, ranking: Ranking, gallery: GalleryView) -> Ranking:
        """Verified hits first, by their matches. The notes say what could not be looked at."""
        head = min(self.depth, len(ranking.positions))
        if not head:
            return ranking
        pictures = [each for each in query.images if each.role != "negative"]
        if not pictures:
            return _as_it_is(ranking, "local compares pictures and the query has none: the order is as it was.")
        asked = _CACHE.of_query(gallery, pictures, self._make, self._key, self.source)
        if not asked:
            return _as_it_is(ranking, "local cannot look at the query's picture: the order is as it was.")
        shown = _CACHE.of_hits(gallery, ranking, head, self._make, self._key, self.source)
        counts = np.array(
            [
                0
                if hit is None
                else max(verified(each, hit, ratio=self._make.ratio, threshold=self._make.threshold) for each in asked)
                for hit in shown
            ]
        )
        notes = []
        blind = sum(each is None for each in shown)
        if blind:
            notes.append(f"local could not look at {blind} of the first {head} hits: they keep their order.")
        sure = counts >= self.least
        told = np.where(sure, counts, ranking.scores[:head]).astype(np.float64)
        return reordered(ranking, np.where(sure, counts, -1).astype(np.float64), told, tuple(notes))


def _as_it_is(ranking: Ranking, note: str) -> Ranking:
    return replace(ranking, notes=(*ranking.notes, note))

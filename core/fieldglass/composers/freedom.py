"""FreeDom: a picture put into words by its neighbours, and the words put into another domain (arXiv 2412.03297)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.near_words import nearest_words, words_of_items
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.composers.vocabulary import load_words, word_vectors
from fieldglass.composers.wording import asked, weighted_rows, without_refused
from fieldglass.encoders import as_query, as_text
from fieldglass.errors import UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, I64, Bitmap, GalleryView, Query, Ranking

__all__ = ["FreeDom", "common"]

SAME = 0.98  # a neighbour this near is the query itself


class FreeDom:
    """Sum of w <text of "word domain", x> over the `kept` words most frequent among those of the neighbours.

    The `proxies` nearest items stand for the picture, each for its `n` nearest `words`; w is a word's count over the
    highest. The query is a proxy itself where it is not in the collection (`own_proxy` says whether it is; the paper
    decides once for all queries, this one for each, so that a query alone is answered as in a batch). Meant for a
    domain ("sketch", "at night"); poor for free sentences. `words` is `nouns` (of WordNet) or a file.
    """

    requires = frozenset({"texts"})

    def __init__(
        self,
        *,
        proxies: int = 20,
        n: int = 7,
        kept: int = 7,
        words: str = "nouns",
        own_proxy: bool | None = None,
        field: str = "image",
    ) -> None:
        if min(proxies, n, kept) < 1:
            raise UsageError(f"proxies, n and kept are 1 or more, not {proxies}, {n} and {kept}.")
        self.proxies, self.n, self.kept = proxies, n, kept
        self.words = load_words(words)
        self.own_proxy = own_proxy
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows, not of unit norm; searches the gallery once."""
        said = [asked(query, "freedom") for query in queries]
        pictures = unit(picture_vectors(queries, encoder, gallery, self.field, name="freedom"))
        described = picture_vectors(queries, encoder, gallery, self.field, name="freedom", form=as_text)
        rankings = gallery.neighbours(self.field, pictures, self.proxies)
        parts = []
        for own, listed in zip(said, self._words(pictures, described, rankings, encoder, gallery), strict=True):
            found = common(listed, self.kept)
            parts.append(
                [(f"{self.words[word]} {text}", weight * share) for text, share in own for word, weight in found]
            )
        composed = without_refused(weighted_rows(parts, encoder), queries, encoder)
        return Probes((Probe(self.field, composed, label="words in the domain"),), Fusion("freedom", "linear"))

    def _words(
        self, pictures: F32, described: F32, rankings: Sequence[Ranking], encoder: Encoder, gallery: GalleryView
    ) -> Iterator[I64]:
        """Per query (proxies, n) places of words: proxies in their order, their words nearest first."""
        vectors = word_vectors(self.words, encoder)
        every = np.concatenate([ranking.positions for ranking in rankings])
        of_items = words_of_items(every, self.field, self.words, vectors, self.n, encoder, gallery)
        own = self._own(pictures, rankings, encoder, gallery)
        of_queries = np.empty((len(rankings), of_items.shape[1]), dtype=np.int64)
        of_queries[own] = nearest_words(described[own], vectors, self.n)
        stop = 0
        for row, ranking in enumerate(rankings):
            start, stop = stop, stop + len(ranking.positions)
            near = of_items[start:stop]
            yield np.concatenate([of_queries[row][None], near])[: self.proxies] if own[row] else near

    def _own(self, pictures: F32, rankings: Sequence[Ranking], encoder: Encoder, gallery: GalleryView) -> Bitmap:
        """(n,) whether each query is a proxy itself: as `own_proxy` says, else where no neighbour is the same."""
        alone = np.array([len(ranking.positions) == 0 for ranking in rankings], dtype=np.bool_)
        if self.own_proxy is not None:
            return np.full(len(rankings), self.own_proxy) | alone
        found = alone.copy()
        first = np.array([ranking.positions[0] for ranking in rankings if len(ranking.positions)], dtype=np.int64)
        near = as_query(encoder, gallery.vectors(self.field, first))
        found[~alone] = np.einsum("nd,nd->n", near, pictures[~alone]) < SAME
        return found


def common(listed: I64, kept: int) -> list[tuple[int, float]]:
    """Words (p, n) of each proxy, nearest first -> those met most often, each with its count / highest.

    Words of equal count stay in the order in which they are first met.
    """
    found = Counter(listed.ravel().tolist()).most_common(kept)
    return [(word, count / found[0][1]) for word, count in found]

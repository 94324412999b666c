"""FreeDom: a picture put into words by its neighbours, and the words put into another domain (arXiv 2412.03297)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.composers.vocabulary import load_words, word_vectors
from fieldglass.composers.wording import asked, weighted_rows, without_refused
from fieldglass.encoders import as_query, as_text
from fieldglass.errors import UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query, Ranking

__all__ = ["FreeDom", "common_words"]

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
        vectors = word_vectors(self.words, encoder)
        rankings = gallery.neighbours(self.field, pictures, self.proxies)
        parts = []
        for row, ranking in enumerate(rankings):
            proxies = self._proxies(pictures[row], described[row], ranking, encoder, gallery)
            found = common_words(proxies, vectors, self.n, self.kept)
            parts.append(
                [(f"{self.words[word]} {text}", weight * share) for text, share in said[row] for word, weight in found]
            )
        composed = without_refused(weighted_rows(parts, encoder), queries, encoder)
        return Probes((Probe(self.field, composed, label="words in the domain"),), Fusion("freedom", "linear"))

    def _proxies(self, picture: F32, described: F32, ranking: Ranking, encoder: Encoder, gallery: GalleryView) -> F32:
        rows = gallery.vectors(self.field, ranking.positions)
        near = as_text(encoder, rows)
        own = self.own_proxy
        if own is None:
            own = len(rows) == 0 or float((as_query(encoder, rows[:1]) @ picture)[0]) < SAME
        if not own:
            return near
        return np.concatenate([described[None], near])[: self.proxies]


def common_words(proxies: F32, words: F32, n: int, kept: int) -> list[tuple[int, float]]:
    """Proxies (p, d) and words (w, d) -> the words most often among the n nearest of a proxy, with count / highest.

    Words of equal count stay in the order in which they are first met: proxies in theirs, words by similarity.
    """
    n = min(n, len(words))
    scores = proxies @ words.T
    best = np.argpartition(-scores, n - 1, axis=1)[:, :n] if n < len(words) else np.tile(np.arange(n), (len(scores), 1))
    counts: Counter[int] = Counter()
    for row, near in zip(scores, best, strict=True):
        counts.update(near[np.lexsort((near, -row[near]))].tolist())
    found = counts.most_common(kept)
    return [(word, count / found[0][1]) for word, count in found]

"""BASIC: centred, projected and expanded similarities, multiplied as by Harris (arXiv 2510.25387)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.centring import Least, Space, least_of, space_of
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.composers.vocabulary import load_words
from fieldglass.composers.wording import Said, asked, weighted_rows, without_refused
from fieldglass.encoders import as_text
from fieldglass.errors import UsageError
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, F64, GalleryView, ProbeScores, Query

__all__ = ["Basic", "harris"]

NEAR = 25
TEMPERATURE = 0.1
FLAT = 1e-6  # a least similarity nearer to 0 than this scales nothing


class Basic:
    """s_t s_i - harris (s_t + s_i)^2, both similarities centred, the picture's projected, from 0 at their least.

    The projection keeps what tells `subjects` apart and drops what tells `styles` apart, in shares 1 - `contrast`
    and `contrast`. `expand` moves the picture towards its 25 nearest items. `contexts` is the number of subjects
    that the text is said with. The mean of the gallery and its items nearest to the subjects stand for the
    authors' files of pictures; with `--calibrate matches` the mean is that of the matches. The fusion does not grow
    with each score, so that over an index the candidates are a heuristic.
    """

    requires = frozenset({"texts"})

    def __init__(
        self,
        *,
        contrast: float = 0.2,
        harris: float = 0.1,
        expand: bool = True,
        contexts: int = 10,
        subjects: str = "subjects",
        styles: str = "styles",
        field: str = "image",
    ) -> None:
        if not 0 <= contrast <= 1 or not harris >= 0 or contexts < 0:
            raise UsageError(
                f"contrast is 0 to 1, harris and contexts 0 or more, not {contrast}, {harris} and {contexts}."
            )
        self.contrast, self.harris, self.expand, self.contexts = contrast, harris, expand, contexts
        self.subjects, self.styles = load_words(subjects), load_words(styles)
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> two probes with n rows each, centred by the mean of their scores; searches the gallery once."""
        space = space_of(encoder, self.subjects, self.styles, self.contrast)
        least = least_of(gallery, self.field, encoder, space, self.subjects)
        mean = gallery.moments(self.field).mean
        shown = unit(picture_vectors(queries, encoder, gallery, self.field, name="basic", form=as_text))
        pictures = self._pictures(shown - mean, mean, space, encoder, gallery)
        texts = self._texts(queries, encoder) - space.mean
        probes = (
            Probe(self.field, pictures.astype(np.float32), label="image"),
            Probe(self.field, texts.astype(np.float32), label="text"),
        )
        return Probes(probes, Fusion("basic", "scores", lambda scores: self._fused(scores, least)))

    def _pictures(self, centred: F64, mean: F64, space: Space, encoder: Encoder, gallery: GalleryView) -> F64:
        found = space.project(centred)
        if not self.expand:
            return found
        rankings = gallery.neighbours(self.field, found.astype(np.float32), NEAR)
        near = as_text(encoder, gallery.vectors(self.field, np.concatenate([each.positions for each in rankings])))
        moved = np.empty_like(found)
        stop = 0
        for row, ranking in enumerate(rankings):
            start, stop = stop, stop + len(ranking.positions)
            weights = np.exp(TEMPERATURE * np.append(ranking.scores - found[row] @ mean, 1.0))
            weights /= weights.sum()
            moved[row] = weights[:-1].astype(np.float32) @ near[start:stop] - weights[:-1].sum() * mean
            moved[row] += weights[-1] * centred[row]
        return space.project(moved)

    def _texts(self, queries: Sequence[Query], encoder: Encoder) -> F32:
        step = max(len(self.subjects) // self.contexts, 1) if self.contexts else 1
        chosen = self.subjects[::step][: self.contexts]
        parts: list[list[Said]] = []
        for query in queries:
            said = asked(query, "basic")
            parts.append([(f"{word} {text}", weight) for text, weight in said for word in chosen] or said)
        return without_refused(unit(weighted_rows(parts, encoder)), queries, encoder)

    def _fused(self, scores: tuple[ProbeScores, ...], least: Least) -> F64:
        image, text = (probe.values - probe.mean for probe in scores)
        scale = max(abs(least.image), FLAT)
        high = np.maximum((image - least.image) / scale, 0.0), np.maximum((text - least.text) / scale, 0.0)
        return harris(high[0], high[1], self.harris)


def harris(first: F64, second: F64, share: float) -> F64:
    """first second - share (first + second)^2: high where both are high and alike (Harris and Stephens, 1988)."""
    return np.asarray(first * second - share * (first + second) ** 2, dtype=np.float64)

"""Locates pictures and sentences in a gallery of places, or among photos whose places are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.composers.vectors import picture_vectors, stored, text_vectors, unit
from fieldglass.encoders import as_query, encode
from fieldglass.errors import MissingExtraError, QueryError, UsageError
from fieldglass.search.scope import Scopes
from fieldglass_geo.gallery.points import unit_vectors
from fieldglass_geo.locating.cells import cells
from fieldglass_geo.locating.located import Located, Place
from fieldglass_geo.locating.middles import middles
from fieldglass_geo.locating.spread import away_km, degrees_of, mode, probabilities, radius_km
from fieldglass_geo.locating.views import VIEWS, views
from fieldglass_geo.reverse import reverse

if TYPE_CHECKING:
    from fieldglass.asking import Question
    from fieldglass.collection import Collection
    from fieldglass.types import F32, F64, I64, Sample

__all__ = ["PRIORS", "Locator"]

PRIORS = ("points", "count", "area")
_TOGETHER = 16  # questions whose photos are encoded together
_EVEN_KM = 100.0  # the cells among which the prior "area" is even


class Locator:
    """Where pictures were taken, by the places of one collection.

    A gallery of places that the encoder puts into one space with photos (`geo/geoclip`) is scored whole: the
    probability of a place is softmax(scale * cosine). In a collection of geotagged photos, of any encoder, the
    `neighbours` most alike photos vote: softmax(scale * cosine) among them.

    :param scale: what cosines are multiplied by; None takes the encoder's own logit scale, and for neighbours one over
        the standard deviation of the cosines with all photos.
    :param neighbours: how many photos vote; 0 scores every item. None: 0 in a gallery of places, else 32.
    :param prior: what places weigh before the picture is seen: "points" all the same, "count" as often as they
        were in the source, "area" so that every 100 km square with places weighs the same.
    :param bandwidth_km: how far apart places count as the same for the best point.
    :param coverage: the share of the probability within the radius that is told.
    :param kind: the views of a photo whose probabilities are averaged, see `views`.

    UsageError for options that cannot be; FilterError where no item has a place.
    """

    def __init__(
        self,
        collection: Collection,
        *,
        scale: float | None = None,
        neighbours: int | None = None,
        prior: str = "points",
        bandwidth_km: float = 25.0,
        coverage: float = 0.9,
        kind: str = "one",
    ) -> None:
        if prior not in PRIORS or kind not in VIEWS:
            raise UsageError(f"prior={prior!r} and views={kind!r}: use one of {PRIORS} and of {VIEWS}.")
        if not 0 < coverage < 1 or not bandwidth_km > 0 or (scale is not None and not scale > 0):
            raise UsageError("coverage lies between 0 and 1; bandwidth and scale are above 0.")
        self.collection = collection
        self.view = collection.engine.view()
        self.field = collection.field.name
        self.lat, self.lon = middles(self.view)
        self.prior, self.bandwidth_km, self.coverage, self.kind = prior, bandwidth_km, coverage, kind
        own = getattr(collection.encoder, "logit_scale", None) if self.bare else None
        self.neighbours = neighbours if neighbours is not None else (0 if own else 32)
        self._scale = scale if scale is not None else (float(own) if own else None)

    @cached_property
    def bare(self) -> bool:
        """Whether the items are places without pixels."""
        loaders = {source.loader for source in self.view.snapshot.sources.values()}
        return bool(loaders) and loaders <= {"geo/places", "geo/grid"}

    def locate(self, questions: Iterable[Question], *, k: int = 5) -> Iterator[Located]:
        """One answer per question, in order; `k` places each. QueryError where one cannot be located."""
        scopes = Scopes(self.view, (self.field,))
        asked = iter(questions)
        while chunk := list(islice(asked, _TOGETHER)):
            for question, vectors in zip(chunk, self._encoded(chunk), strict=True):
                yield self._located(question, vectors, scopes, k)

    def _located(self, question: Question, vectors: F32, scopes: Scopes, k: int) -> Located:
        scores = self.view.scores(self.field, vectors)
        allowed = scopes.of(question.query).allowed & np.isfinite(self.lat)
        rows = np.flatnonzero(allowed)
        if not len(rows):
            raise QueryError(f"No place of {self.collection.path.name} is left{_where(question)}.")
        whole = len(rows) == len(allowed)
        considered = len(rows)
        scores = scores if whole else scores[:, rows]
        if self.neighbours and self.neighbours < len(rows):
            chosen = np.sort(np.argpartition(-scores.mean(axis=0), self.neighbours - 1)[: self.neighbours])
            rows, scores = rows[chosen], scores[:, chosen]
        prior = None if self.prior == "points" else self._priors[rows]
        probability = np.mean([probabilities(each, self._scaled(vectors), prior) for each in scores], axis=0)
        here = self._vectors_of_places[rows]
        at = mode(here, probability, self._cells[rows], self.bandwidth_km)
        lat, lon = degrees_of(at)
        places = self._places(rows, probability, scores.mean(axis=0), k)
        return Located(
            name=str(question.asked.pictures[0].name) if question.asked.pictures else str(question.asked),
            lat=lat,
            lon=lon,
            radius_km=radius_km(here, probability, at, self.coverage),
            coverage=self.coverage,
            probability=float(probability[away_km(here, at) <= self.bandwidth_km].sum()),
            places=places,
            considered=considered,
            names=_names(lat, lon),
            preview=question.asked.pictures[0].preview if question.asked.pictures else None,
        )

    def _places(self, rows: I64, probability: F64, scores: F32, k: int) -> tuple[Place, ...]:
        top = np.argsort(-probability, kind="stable")[:k]
        positions = rows[top]
        cells_of = self.view.metadata(positions)
        return tuple(
            Place(
                id, float(self.lat[position]), float(self.lon[position]), float(probability[row]), float(scores[row]),
                int(position), cells,
            )
            for id, row, position, cells in zip(self.view.ids(positions), top, positions, cells_of, strict=True)
        )  # fmt: skip

    def _encoded(self, questions: Sequence[Question]) -> list[F32]:
        """(views, dim) float32 of each: its photo and the views of it, encoded together, or what else it holds."""
        encoder = self.collection.encoder
        shown = [_photo(question) for question in questions]
        samples = [[] if sample is None else views(sample, self.kind) for sample in shown]
        flat = [encoder.prepare(each) for several in samples for each in several]
        rows = as_query(encoder, stored(encode(encoder, flat), encoder.dtype)) if flat else np.empty((0, encoder.dim))
        ends = np.cumsum([len(several) for several in samples])
        return [
            rows[end - len(several) : end] if several else self._composed(question)
            for question, several, end in zip(questions, samples, ends, strict=True)
        ]

    def _composed(self, question: Question) -> F32:
        encoder, query = self.collection.encoder, question.query
        parts: list[F32] = []
        if query.images or query.place is not None:
            parts.append(picture_vectors([query], encoder, self.view, self.field, name="locate"))
        if query.texts:
            parts.append(text_vectors([query], encoder, name="locate"))
        if not parts:
            raise QueryError("Nothing is asked.", hint="Give a photo, or --text.")
        return parts[0] if len(parts) == 1 else unit(np.sum(parts, axis=0))

    def _scaled(self, vectors: F32) -> float:
        if self._scale is not None:
            return self._scale
        _, spread = self.view.moments(self.field).of_scores(vectors)
        return float(1 / max(float(spread.mean()), 1e-6))

    @cached_property
    def _vectors_of_places(self) -> F64:
        return unit_vectors(self.lat, self.lon)

    @cached_property
    def _cells(self) -> I64:
        return self._cells_of(self.bandwidth_km)

    def _cells_of(self, km: float) -> I64:
        found = np.zeros(self.view.size, dtype=np.int64)
        there = np.isfinite(self.lat)
        found[there] = cells(self.lat[there], self.lon[there], km)
        return found

    @cached_property
    def _priors(self) -> F64:
        if self.prior == "count":
            return np.nan_to_num(self.view.numbers(["count"])[:, 0], nan=1.0)
        there = np.isfinite(self.lat)
        cell = self._cells_of(_EVEN_KM)
        many = np.bincount(cell[there], minlength=1)
        return np.asarray(1.0 / np.maximum(many[cell], 1))


def _photo(question: Question) -> Sample | None:
    """The sample of a question that holds one photo and nothing else."""
    query = question.query
    alone = len(query.images) == 1 and not query.texts and query.place is None
    return query.images[0].sample if alone and query.images[0].role == "reference" else None


def _names(lat: float, lon: float) -> dict[str, str] | None:
    """country (a code), country_name, admin1, place; none at sea, None where no gazetteer is installed."""
    try:
        (found,) = reverse([lat], [lon])
    except MissingExtraError:
        return None
    wanted = ("country", "country_name", "admin1", "place")
    return {name: value for name in wanted if (value := getattr(found, name)) is not None}


def _where(question: Question) -> Any:
    return f" where {question.asked.where}" if question.asked.where else ""

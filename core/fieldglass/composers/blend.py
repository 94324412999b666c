"""Two composers at once: the scores of each made comparable, then weighted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.composers.nested import collapsed, conditions, nested
from fieldglass.composers.scores import percentile, rank, weighted_z
from fieldglass.errors import UsageError
from fieldglass.interfaces import Composer
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F64, GalleryView, ProbeScores, Query

__all__ = ["Blend"]

RRF = 60.0


class Blend:
    """(1 - share) of the first composer's score + share of the second's.

    `by` makes the scores comparable: "zscore", "percentile", or "rrf" (1 / (60 + rank)). Settings of the two are
    "name=value;name=value". Two composers that give one vector each are calibrated without a scan.
    """

    def __init__(
        self,
        *,
        first: str | Composer = "weicom",
        second: str | Composer = "sum",
        share: float = 0.5,
        by: Literal["zscore", "percentile", "rrf"] = "zscore",
        first_settings: str = "",
        second_settings: str = "",
        field: str = "",
    ) -> None:
        if not 0 <= share <= 1:
            raise UsageError(f"share is that of the second composer, 0 to 1, not {share}.")
        if by not in ("zscore", "percentile", "rrf"):
            raise UsageError(f"by is zscore, percentile or rrf, not {by!r}.")
        self.first = nested(first, first_settings, field)
        self.second = nested(second, second_settings, field)
        self.share = share
        self.by = by
        self.requires: frozenset[str] = self.first.requires | self.second.requires

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> the probes of both, with n rows each."""
        both = [each.compose(queries, encoder, gallery) for each in (self.first, self.second)]
        shares = (1 - self.share, self.share)
        name = f"blend of {both[0].fusion.name} and {both[1].fusion.name}"
        single = [collapsed(each) for each in both]
        if self.by == "zscore" and single[0] is not None and single[1] is not None:
            probes = tuple(replace(each, weight=part) for each, part in zip(single, shares, strict=True) if each)
            return _noted(Probes(probes, Fusion(name, "moments", weighted_z)), both, len(queries))
        parts = [_labelled(each) for each in both]
        normal = {"zscore": _standard, "percentile": percentile, "rrf": _reciprocal}[self.by]
        fusion = Fusion(name, "scores", _blend(both, shares, normal))
        return _noted(Probes((*parts[0], *parts[1]), fusion), both, len(queries))


def _noted(probes: Probes, both: Sequence[Probes], count: int) -> Probes:
    """With what either composer said, of all queries and of each, and the conditions of both."""
    first, second = (each.query_notes or ((),) * count for each in both)
    of_each = tuple((*one, *other) for one, other in zip(first, second, strict=True))
    where = conditions(count, [(range(count), each) for each in both])
    return replace(probes, notes=(*both[0].notes, *both[1].notes), query_notes=of_each, where=where)


def _blend(
    both: Sequence[Probes], shares: tuple[float, float], normal: Callable[[F64], F64]
) -> Callable[[tuple[ProbeScores, ...]], F64]:
    cut = len(both[0].probes)

    def combine(scores: tuple[ProbeScores, ...]) -> F64:
        first = normal(_fused(both[0].fusion, scores[:cut]))
        second = normal(_fused(both[1].fusion, scores[cut:]))
        return np.asarray(shares[0] * first + shares[1] * second, dtype=np.float64)

    return combine


def _fused(fusion: Fusion, scores: tuple[ProbeScores, ...]) -> F64:
    if fusion.combine is None:
        return np.asarray(np.sum([probe.weight * probe.values for probe in scores], axis=0), dtype=np.float64)
    return fusion.combine(scores)


def _standard(values: F64) -> F64:
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return np.asarray((values - values.mean()) / spread if spread > 0 else np.zeros_like(values))


def _reciprocal(values: F64) -> F64:
    return np.asarray(1.0 / (RRF + rank(values)), dtype=np.float64)


def _labelled(probes: Probes) -> tuple[Probe, ...]:
    return tuple(replace(probe, label=f"{probes.fusion.name}: {probe.label or probe.field}") for probe in probes.probes)

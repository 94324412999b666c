"""Probes, checked and brought to the form that the engine runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import PluginError, QueryError
from fieldglass.types import Fusion, Probe, Probes, ProbeScores

if TYPE_CHECKING:
    from fieldglass.store import Field
    from fieldglass.types import F32, F64, I64, Bitmap

__all__ = ["Part", "Plan"]


@dataclass(frozen=True)
class Part:
    """One probe of n queries: unit of work of the engine. `mean` and `std` (n,) float64 calibrate its scores."""

    field: str
    vectors: F32
    weight: float
    bias: float
    label: str
    mean: F64
    std: F64


@dataclass(frozen=True)
class Plan:
    """The parts of n queries and how their scores become one.

    A linear fusion has one part per field, weights folded in. With one part and nothing to combine
    the plan is `single`: the score is the inner product itself.
    """

    parts: tuple[Part, ...]
    fusion: Fusion
    count: int

    @staticmethod
    def of(probes: Probes, fields: Mapping[str, Field], count: int) -> Plan:
        """QueryError or PluginError where the probes cannot be run on these fields."""
        if not probes.probes:
            raise PluginError(f"The composer of fusion {probes.fusion.name!r} returned no probe.")
        if probes.fusion.needs != "linear" and probes.fusion.combine is None:
            raise PluginError(f"The fusion {probes.fusion.name!r} needs {probes.fusion.needs} but has no `combine`.")
        if len(probes.where) not in (0, count):
            raise PluginError(f"A composer gave {len(probes.where)} conditions for {count} queries.")
        norms = np.stack([_check(probe, fields, count) for probe in probes.probes])
        # a query may lack a probe that others of its batch have, where the fusion can tell: zeros stand for it
        nothing = (norms == 0).any(axis=0) if probes.fusion.needs == "linear" else (norms == 0).all(axis=0)
        if nothing.any():
            raise QueryError(f"Query {int(np.argmax(nothing)) + 1} has a vector of zeros, which is near nothing.")
        listed = _collapsed(probes.probes) if probes.fusion.needs == "linear" else probes.probes
        zeros, ones = np.zeros(count), np.ones(count)
        parts = tuple(
            Part(
                probe.field,
                np.ascontiguousarray(probe.vectors, dtype=np.float32),
                float(probe.weight),
                float(probe.bias),
                probe.label or probe.field,
                zeros,
                ones,
            )
            for probe in listed
        )
        return Plan(parts, probes.fusion, count)

    @property
    def single(self) -> bool:
        """One part, no combination."""
        return len(self.parts) == 1 and self.fusion.needs == "linear"

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields probed, once each."""
        return tuple(dict.fromkeys(part.field for part in self.parts))

    def calibrated(self, calibration: list[tuple[F64, F64]]) -> Plan:
        """With the mean and std of each part."""
        parts = (replace(part, mean=m, std=s) for part, (m, s) in zip(self.parts, calibration, strict=True))
        return replace(self, parts=tuple(parts))

    def only(self, query: int) -> Plan:
        """The plan of one of its queries."""
        one = slice(query, query + 1)
        parts = tuple(
            replace(part, vectors=part.vectors[one], mean=part.mean[one], std=part.std[one]) for part in self.parts
        )
        return replace(self, parts=parts, count=1)

    def combine(self, query: int | I64, values: Sequence[F64], present: Sequence[Bitmap]) -> F64:
        """Scores (m,) of one query from the scores (m,) of each part, means filled in where an item lacks a field.

        Of several queries where the fusion needs no more than moments: `query` then broadcasts to the values.
        """
        if self.fusion.combine is None:
            return np.asarray(np.sum(values, axis=0), dtype=np.float64)
        found = np.asarray(self.fusion.combine(self._scores(query, values, present)), dtype=np.float64)
        if found.shape != values[0].shape:
            raise PluginError(f"The fusion {self.fusion.name!r} gave shape {found.shape} for {values[0].shape} scores.")
        return found

    def filled(self, query: int | I64, values: Sequence[F64], present: Sequence[Bitmap]) -> list[F64]:
        """The scores of each part, with its mean where an item lacks the field."""
        return [
            value if has.all() else np.where(has, value, part.mean[query])
            for part, value, has in zip(self.parts, values, present, strict=True)
        ]

    def moved(self, values: Sequence[F64], slack: Sequence[float | F64], way: int) -> list[F64]:
        """The scores of each part, as bad (-1) or as good (+1) as they can be where they are off by the slack."""
        return [
            value + way * np.sign(part.weight) * off for part, value, off in zip(self.parts, values, slack, strict=True)
        ]

    def height(self, query: int | I64, values: Sequence[F64]) -> F64:
        """Weighted z-scores (m,): what orders items that the fusion cannot tell apart."""
        total = np.zeros(values[0].shape)
        for scores in self._scores(query, values, [np.ones(1, dtype=np.bool_)] * len(values)):
            total += scores.weight * scores.z
        return total

    def _scores(self, query: int | I64, values: Sequence[F64], present: Sequence[Bitmap]) -> tuple[ProbeScores, ...]:
        return tuple(
            ProbeScores(value, there, part.weight, part.mean[query], part.std[query])
            for part, value, there in zip(self.parts, values, present, strict=True)
        )


def _check(probe: Probe, fields: Mapping[str, Field], count: int) -> F64:
    """The norms of its vectors (n,)."""
    field = fields.get(probe.field)
    if field is None:
        raise QueryError(
            f"The query asks for the field {probe.field!r}, which this collection does not have.",
            hint=f"It has: {', '.join(sorted(fields)) or 'none yet; index something first'}.",
        )
    vectors = np.asarray(probe.vectors)
    if vectors.ndim != 2 or vectors.shape[1] != field.dim:
        raise QueryError(
            f"The query vectors have shape {vectors.shape}; the field {field.name!r} holds vectors of {field.dim}.",
            hint="Use the encoder that made the collection; `fieldglass info` names it.",
        )
    if len(vectors) != count:
        raise PluginError(f"A probe has {len(vectors)} rows for {count} queries.")
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not np.isfinite(norms).all() or not np.isfinite([probe.weight, probe.bias]).all():
        raise QueryError(f"Query {int(np.argmin(np.isfinite(norms))) + 1} has a vector with NaN or infinity.")
    return np.asarray(norms)


def _collapsed(probes: tuple[Probe, ...]) -> tuple[Probe, ...]:
    found = []
    for field in dict.fromkeys(probe.field for probe in probes):
        mine = [probe for probe in probes if probe.field == field]
        if len(mine) == 1 and mine[0].weight == 1:
            found.append(mine[0])
            continue
        total = np.sum([probe.weight * np.asarray(probe.vectors, dtype=np.float64) for probe in mine], axis=0)
        bias = sum(probe.weight * probe.bias for probe in mine)
        label = " + ".join(probe.label or field for probe in mine)
        found.append(Probe(field, total.astype(np.float32), 1.0, bias, label))
    return tuple(found)

"""Composers inside composers: made from a name and settings, and brought to one vector where they can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.suited import suited
from fieldglass.errors import QueryError
from fieldglass.interfaces import Composer
from fieldglass.options import options_of, parse
from fieldglass.registry import registry
from fieldglass.types import All, Probe

if TYPE_CHECKING:
    from fieldglass.types import F32, Filter, Probes

__all__ = ["collapsed", "conditions", "nested", "one_vector"]


def nested(composer: str | Composer, settings: str = "", field: str = "") -> Composer:
    """The composer of that name with settings "a=1;b=x", after what suits the model; an object as it is.

    `field` is given to one that has such an option and whose settings do not name another.
    """
    if not isinstance(composer, str):
        return composer
    options = parse(tuple(part for part in settings.split(";") if part.strip()))
    if field and "field" in options_of(registry().factory("composers", composer)):
        options = {"field": field, **options}
    return suited(composer, options)


def collapsed(probes: Probes) -> Probe | None:
    """The one probe that a linear fusion over one field amounts to, its weight folded in; None for any other."""
    fields = {probe.field for probe in probes.probes}
    if probes.fusion.needs != "linear" or len(fields) != 1:
        return None
    total = np.sum([probe.weight * probe.vectors.astype(np.float64) for probe in probes.probes], axis=0)
    bias = sum(probe.weight * probe.bias for probe in probes.probes)
    return Probe(fields.pop(), np.asarray(total, dtype=np.float32), 1.0, bias, probes.fusion.name)


def one_vector(probes: Probes, what: str) -> F32:
    """(n, d): the vectors of a composer that answers with one each; QueryError for any other."""
    probe = collapsed(probes)
    if probe is None:
        raise QueryError(
            f"{what} works on one vector a query; {probes.fusion.name!r} gives {len(probes.probes)} scores to fuse.",
            hint="Take a composer that gives one vector: image, text, sum, slerp, freedom, cirevl, searle ...",
        )
    return probe.vectors


def conditions(count: int, composed: Iterable[tuple[Sequence[int], Probes]]) -> tuple[str | Filter | None, ...]:
    """`Probes.where` of `count` queries from that of composers inside, each with the queries that its rows are of."""
    joined: list[list[str | Filter]] = [[] for _ in range(count)]
    for rows, probes in composed:
        for row, each in zip(rows, probes.where, strict=False):  # none at all where a composer has no condition
            if each is not None:
                joined[row].append(each)
    if not any(joined):
        return ()
    return tuple(None if not each else each[0] if len(each) == 1 else All(tuple(each)) for each in joined)

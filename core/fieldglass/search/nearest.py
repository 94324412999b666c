"""The nearest items of ready vectors in one field, by its index where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldglass.search.plan import Plan
from fieldglass.search.route import Searcher
from fieldglass.search.scope import Scopes
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.search.indexed import Indexes
    from fieldglass.search.view import View
    from fieldglass.types import F32, Ranking

__all__ = ["nearest"]


def nearest(view: View, indexes: Indexes, field: str, vectors: F32, k: int) -> list[Ranking]:
    """The k nearest live items of each vector (n, dim), best first."""
    probes = Probes((Probe(field, vectors),), Fusion("nearest", "linear"))
    plan = Plan.of(probes, view.snapshot.fields, len(vectors))
    searcher = Searcher(view, plan, indexes.ready(view, plan.fields, "auto"))
    return searcher.search([Scopes(view, plan.fields).whole] * len(vectors), k)

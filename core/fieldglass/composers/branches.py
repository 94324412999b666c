"""Several fusions under one sum, where a query of a batch may lack some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.types import F64, ProbeScores

__all__ = ["Branch", "combined"]


@dataclass(frozen=True)
class Branch:
    """Probes whose fused score counts with `weight`. A query that lacks the branch has rows of zeros in its probes."""

    probes: tuple[Probe, ...]
    fusion: Fusion
    weight: float


def combined(branches: Sequence[Branch], name: str) -> Probes:
    """All probes, and the weighted sum of the branches' scores. Each branch's fusion has a `combine`."""
    needs = "scores" if any(branch.fusion.needs == "scores" for branch in branches) else "moments"
    parts = [(branch.weight, len(branch.probes), branch.fusion.combine) for branch in branches]

    def combine(scores: tuple[ProbeScores, ...]) -> F64:
        total = np.zeros(np.shape(scores[0].values))
        start = 0
        for weight, count, fuse in parts:
            mine = scores[start : start + count]
            start += count
            asked = np.any([probe.asked for probe in mine], axis=0)
            if fuse is not None and asked.any():
                total += np.where(asked, weight * fuse(mine), 0.0)
        return total

    probes = tuple(probe for branch in branches for probe in branch.probes)
    return Probes(probes, Fusion(name, needs, combine))  # type: ignore[arg-type]

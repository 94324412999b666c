"""Search: probes and their fusion, executed over the segments of a collection and its indexes."""

from __future__ import annotations

from fieldglass.search.augment import Augmented, augment
from fieldglass.search.build import build
from fieldglass.search.engine import Engine
from fieldglass.search.explain import Explanation, Part
from fieldglass.search.outcome import Outcome

__all__ = ["Augmented", "Engine", "Explanation", "Outcome", "Part", "augment", "build"]

"""The turns of a conversation, each composed on its own, the earlier ones with less and less weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.composers.branches import Branch, combined
from fieldglass.composers.nested import collapsed, conditions, nested
from fieldglass.composers.turns import latest_pictures, refused, turns
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.composers.weicom import calibrated_sum
from fieldglass.errors import QueryError, UsageError
from fieldglass.interfaces import Composer
from fieldglass.types import Fusion, Probe, Probes, Query

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import GalleryView

__all__ = ["Decayed"]

DEFAULT_BASE = "sum"


@dataclass(frozen=True)
class _Part:
    """What one turn adds to query `row`; `age` is 0 for the turn that is asked now. `kind` names its composer."""

    row: int
    age: int
    kind: str
    query: Query


class Decayed:
    """The unit vector of the sum of gamma^age q over the turns, less `refused` gamma^age x for each refused picture x.

    q, of unit norm, is what the base composer makes of a turn alone: by default its picture, its sentence, or the
    `sum` of both. A named base gets for a turn without a picture that of the latest turn before it; a turn that
    still lacks one is compared by its sentence, and one without a sentence by its picture. Where the base gives
    several scores to fuse (weicom), the fused scores of the turns are added instead of vectors.
    """

    def __init__(
        self,
        *,
        gamma: float = 0.8,
        refused: float = 0.5,
        base: str | Composer = "",
        base_settings: str = "",
        field: str = "image",
    ) -> None:
        if not 0 < gamma <= 1 or not 0 <= refused < np.inf:
            raise UsageError(f"decayed takes gamma above 0, up to 1, and refused of 0 or more, not {gamma}, {refused}.")
        self.gamma, self.refused, self.field = gamma, refused, field
        self._named = bool(base)
        self.base = nested(base or DEFAULT_BASE, base_settings, field)
        self.requires: frozenset[str] = self.base.requires if base else frozenset()

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries with their histories -> one probe with n unit rows, or those of the turns and their fusion."""
        parts = [part for row, query in enumerate(queries) for part in self._parts(row, query)]
        empty = set(range(len(queries))) - {part.row for part in parts}
        if empty:
            raise QueryError(
                f"Nothing is asked for in query {min(empty) + 1} of {len(queries)}, nor in a turn before it.",
                hint="Give a picture (--image, --like), a text (--text), or both.",
            )
        composed = []
        for kind in sorted({part.kind for part in parts}):
            mine = [part for part in parts if part.kind == kind]
            composed.append((mine, self._probes(kind, mine, encoder, gallery)))
        where = conditions(len(queries), [([part.row for part in mine], probes) for mine, probes in composed])
        single = [(mine, collapsed(probes)) for mine, probes in composed]
        fields = {probe.field for _, probe in single if probe is not None}
        if all(probe is not None for _, probe in single) and len(fields) == 1:
            found = self._vectors(len(queries), [(mine, probe) for mine, probe in single if probe is not None])
        else:
            found = self._scores(len(queries), composed)
        return replace(found, where=where)

    def _parts(self, row: int, query: Query) -> list[_Part]:
        said = turns(query)
        found = []
        for place, turn in enumerate(said):
            age = len(said) - 1 - place
            kept = tuple(image for image in turn.images if not refused(image))
            away = tuple(image for image in turn.images if refused(image) and image.weight)
            texts = tuple(text for text in turn.texts if text.weight)
            if self._named and texts and not kept and turn.place is None:
                kept = latest_pictures(said[:place])
            pictures = bool(kept) or turn.place is not None
            if pictures or texts:
                kind = "both" if pictures and texts else "image" if pictures else "text"
                found.append(_Part(row, age, kind, replace(turn, images=kept, texts=texts)))
            if away and self.refused:
                shown = tuple(replace(image, role="reference", weight=abs(image.weight)) for image in away)
                found += [_Part(row, age, "refused", Query(images=(image,))) for image in shown]
        return found

    def _probes(self, kind: str, parts: Sequence[_Part], encoder: Encoder, gallery: GalleryView) -> Probes:
        asked = [part.query for part in parts]
        if kind == "refused":
            rows = picture_vectors(asked, encoder, gallery, self.field, name="decayed")
            return Probes((Probe(self.field, rows, label="refused"),), Fusion("refused", "linear"))
        if kind == "both":
            return self.base.compose(asked, encoder, gallery)
        return nested(kind, "", self.field).compose(asked, encoder, gallery)

    def _vectors(self, count: int, parts: Sequence[tuple[Sequence[_Part], Probe]]) -> Probes:
        total = np.zeros((count, parts[0][1].vectors.shape[1]))
        for mine, probe in parts:
            for part, vector in zip(mine, unit(probe.vectors).astype(np.float64), strict=True):
                total[part.row] += self._weight(part) * vector
        found = unit(total.astype(np.float32))
        return Probes((Probe(parts[0][1].field, found, label="turns"),), Fusion("decayed", "linear"))

    def _scores(self, count: int, composed: Sequence[tuple[Sequence[_Part], Probes]]) -> Probes:
        branches = []
        for mine, probes in composed:
            for lane, chosen in _lanes(mine).items():
                age = lane[0]
                rows = [mine[place].row for place in chosen]
                listed = []
                for probe in probes.probes:
                    vectors = np.zeros((count, probe.vectors.shape[1]), dtype=np.float32)
                    vectors[rows] = probe.vectors[chosen]
                    label = f"{age} turns ago: {probe.label or probe.field}" if age else probe.label
                    weight = -self.refused * probe.weight if mine[0].kind == "refused" else probe.weight
                    listed.append(replace(probe, vectors=vectors, weight=weight, label=label))
                needs, combine = probes.fusion.needs, probes.fusion.combine
                fusion = Fusion(
                    probes.fusion.name, "moments" if needs == "linear" else needs, combine or calibrated_sum
                )
                branches.append(Branch(tuple(listed), fusion, self.gamma**age))
        return combined(branches, "decayed")

    def _weight(self, part: _Part) -> float:
        weight: float = self.gamma**part.age
        return -self.refused * weight if part.kind == "refused" else weight


def _lanes(parts: Sequence[_Part]) -> dict[tuple[int, int], list[int]]:
    """(age, number within the turn) -> places of the parts: at most one a query, so that a probe has one row for it."""
    found: dict[tuple[int, int], list[int]] = {}
    seen: dict[tuple[int, int], int] = {}
    for place, part in enumerate(parts):
        number = seen.get((part.row, part.age), 0)
        seen[(part.row, part.age)] = number + 1
        found.setdefault((part.age, number), []).append(place)
    return found

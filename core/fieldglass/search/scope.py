"""Which rows may be hits of a query: its filter, its `only`, its exclusions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import FilterError, QueryError

if TYPE_CHECKING:
    from fieldglass.search.view import View
    from fieldglass.types import I64, Bitmap, Filter, Query

__all__ = ["GATHER", "Scope", "Scopes"]

GATHER = 20_000  # up to so many rows are gathered and scored exactly; above, the bitmap goes into the index


@dataclass(frozen=True)
class Scope:
    """The rows that may be hits: `allowed` (size,) bool, their `count`, and their positions where few.

    `condition` is the SQL that says which, where nothing else does: the same of it in later searches of the snapshot.
    """

    allowed: Bitmap
    count: int
    rows: I64 | None
    matched: int | None
    condition: str | None = None


class Scopes:
    """The scopes of the queries of one search; each filter and each group is looked up once."""

    def __init__(self, view: View, fields: tuple[str, ...]) -> None:
        self._view = view
        self._snapshot = view.snapshot
        self._base: Bitmap = view.present_any(fields)
        self.whole = Scope(self._base, int(np.count_nonzero(self._base)), None, None)
        self._filters: dict[str | Filter, I64] = {}
        self._scopes: dict[tuple[str | Filter | None, str | Filter | None], Scope] = {}
        self._default_group = self._snapshot.properties.get("exclude_group") or None

    def of(self, query: Query, also: str | Filter | None = None) -> Scope:
        """The scope of a query; FilterError or QueryError where its filter or its ids cannot be used.

        `also` is a condition of its composer (`Probes.where`) besides its own.
        """
        group = self._default_group if query.exclude_group is None else query.exclude_group or None
        barred = self._barred(query, group)
        if query.where is None and query.only is None and also is None:
            if len(barred) == 0:
                return self.whole
            allowed = self._base.copy()
            allowed[barred] = False
            return Scope(allowed, int(np.count_nonzero(allowed)), None, None)
        if len(barred) == 0 and query.only is None:
            key = (query.where, also)
            if key not in self._scopes:
                found = self._scope(query, also, barred)
                alone = isinstance(query.where, str) and also is None
                self._scopes[key] = replace(found, condition=str(query.where)) if alone else found
            return self._scopes[key]
        return self._scope(query, also, barred)

    def _scope(self, query: Query, also: str | Filter | None, barred: I64) -> Scope:
        asked = [self._matches(each) for each in (query.where, also) if each is not None]
        asked += [] if query.only is None else [self._known(query.only)]
        rows = asked[0]
        for more in asked[1:]:
            rows = np.intersect1d(rows, more, assume_unique=True)
        rows = rows[self._base[rows]]
        if len(barred):
            rows = rows[~np.isin(rows, barred)]
        allowed = np.zeros(len(self._base), dtype=np.bool_)
        allowed[rows] = True
        return Scope(allowed, len(rows), rows if len(rows) <= GATHER else None, len(rows))

    def _matches(self, where: str | Filter) -> I64:
        key = where
        if key not in self._filters:
            if isinstance(where, str):
                found = self._snapshot.select(where)
            else:
                bitmap = np.asarray(where.bitmap(self._view))
                if bitmap.dtype != np.bool_ or bitmap.shape != self._base.shape:
                    raise FilterError(
                        f"{type(where).__name__} gave {bitmap.dtype} of shape {bitmap.shape}, "
                        f"not a bool for each of {len(self._base)} positions."
                    )
                found = np.flatnonzero(bitmap & self._snapshot.alive)
            self._filters[key] = found
        return self._filters[key]

    def _barred(self, query: Query, group: str | None) -> I64:
        barred = [self._known(query.exclude)] if query.exclude else []
        if group is not None:
            barred += self._same_group(query, group)
        return np.unique(np.concatenate(barred)) if barred else np.empty(0, dtype=np.int64)

    def _same_group(self, query: Query, group: str) -> list[I64]:
        column = self._snapshot.columns.get(group)
        if column is None:
            groups = sorted(name for name, each in self._snapshot.columns.items() if each.group)
            raise QueryError(f"There is no group {group!r} here.", hint=f"Groups: {', '.join(groups) or 'none'}.")
        images = [image for turn in (*query.history, query) for image in turn.images]
        values = {image.item.groups[group] for image in images if image.item and group in image.item.groups}
        ids = [image.id for image in images if image.id is not None]
        known = self._known(frozenset(ids))
        values |= {value for value in self._snapshot.group(group, known) if value is not None}
        return [self._snapshot.members(group, value) for value in sorted(values)]

    def _known(self, ids: frozenset[str]) -> I64:
        positions = self._snapshot.positions(sorted(ids))
        return np.sort(positions[positions >= 0])

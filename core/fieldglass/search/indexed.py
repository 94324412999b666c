"""The indexes of a collection: loaded once, checked against the snapshot, put aside when stale."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fieldglass.errors import DamagedError, MissingExtraError, UsageError
from fieldglass.registry import registry
from fieldglass.search.moments import stamped

if TYPE_CHECKING:
    from fieldglass.interfaces import Index
    from fieldglass.search.scope import Scope
    from fieldglass.search.view import View

__all__ = ["Indexes", "Ready", "name"]

DEPTH = 200  # candidates for ten hits, where an index does not say
MOST = 20_000  # candidates; who wants more is served by a scan


def name(field: str) -> str:
    """The derived file of a field's index."""
    return f"{field}.index"


@dataclass(frozen=True)
class Ready:
    """The indexes to use for one search, by field; none, and the segments are scanned."""

    used: dict[str, tuple[Index, int, int]]
    notes: tuple[str, ...] = ()

    def usable(self, k: int, scope: Scope) -> bool:
        """Whether an index answers this: not for few rows, which are gathered, nor for very many hits."""
        return bool(self.used) and scope.rows is None and max(self.depth(field, k) for field in self.used) <= MOST

    def index(self, field: str) -> Index:
        """The index of a field."""
        return self.used[field][0]

    def covered(self, field: str) -> int:
        """The positions it knows: [0, covered)."""
        return self.used[field][1]

    def rows(self, field: str) -> int:
        """How many rows it holds, dead ones included."""
        return self.used[field][2]

    def depth(self, field: str, k: int) -> int:
        """How many candidates to ask for."""
        return -(-max(k, 10) * int(getattr(self.index(field), "depth", DEPTH)) // 10)


class Indexes:
    """Keeps loaded indexes from search to search."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[dict[str, Any], Index]] = {}

    def ready(self, view: View, fields: tuple[str, ...], asked: str) -> Ready:
        """What to search these fields with. UsageError where a kind is asked for that was not built."""
        if asked == "exact":
            return Ready({})
        used: dict[str, tuple[Index, int, int]] = {}
        notes: list[str] = []
        for field in fields:
            found = self._of(view, field, notes)
            if found is not None and asked in ("auto", found[0]["kind"]):
                used[field] = found[1], int(found[0]["covered"]), int(found[0].get("rows", found[0]["covered"]))
        if len(used) == len(fields):
            return Ready(used, tuple(notes))
        if asked != "auto":
            registry().get("indexes", asked)
            raise UsageError(
                f"The collection has no index of kind {asked!r} that can be used. {' '.join(notes)}".rstrip(),
                hint=f"Build it (`fieldglass build COLLECTION --kind {asked}`), or search with 'auto' or 'exact'.",
            )
        return Ready({}, tuple(notes))

    def _of(self, view: View, field: str, notes: list[str]) -> tuple[dict[str, Any], Index] | None:
        found = view.snapshot.derived(name(field))
        if found is None:
            if name(field) in view.derived:
                notes.append(f"The index of {field!r} is damaged or missing and was put aside; searched exactly.")
            return None
        path, meta = found
        if not stamped(view.snapshot, field, meta):
            notes.append(f"The index of {field!r} is of an older state of the collection; searched exactly.")
            return None
        with self._lock:
            kept = self._loaded.get(field)
            if kept is not None and kept[0] == meta:
                return kept
            try:
                index: Index = registry().create("indexes", meta["kind"]).load(path)
            except (DamagedError, MissingExtraError) as error:
                notes.append(f"The index of {field!r} was put aside ({error.message}); searched exactly.")
                return None
            self._loaded[field] = dict(meta), index
            return self._loaded[field]

"""Tells where a query cannot be kept apart from its own patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.types import Query

__all__ = ["patient_notes"]

_SAID = "the query names no patient: others of the same patient may be among the hits"


def patient_notes(collection: Collection, query: Query) -> tuple[str, ...]:
    """A note where a picture of a query has no patient; none where all have one."""
    snapshot = collection.store.snapshot()
    if "patient" not in snapshot.columns:
        return ("the collection names no patients: others of the same patient may be among the hits",)
    ids = [each.id for each in query.images if each.id is not None]
    stored = snapshot.group("patient", snapshot.positions(ids)) if ids else []
    given = [each.item.groups.get("patient") for each in query.images if each.item is not None]
    bare = sum(each.id is None and each.item is None for each in query.images)
    return (_SAID,) if bare or None in (*stored, *given) else ()

"""Tells where a query cannot be kept apart from its own patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.types import Item, Query

__all__ = ["patient_notes"]

_SAID = "the query names no patient: others of the same patient may be among the hits"
_OTHER_KEY = (
    "this key does not know the files of the collection: if another key made it, others of the query's patient may be "
    "among the hits"
)


def patient_notes(collection: Collection, query: Query) -> tuple[str, ...]:
    """A note where a picture of a query has no patient, or one under another key; none where all can be compared."""
    snapshot = collection.store.snapshot()
    if "patient" not in snapshot.columns:
        return ("the collection names no patients: others of the same patient may be among the hits",)
    ids = [each.id for each in query.images if each.id is not None]
    stored = snapshot.group("patient", snapshot.positions(ids)) if ids else []
    given = [_patient(each.item) for each in query.images if each.item is not None]
    bare = sum(each.id is None and each.item is None for each in query.images)
    if bare or None in (*stored, *given):
        return (_SAID,)
    return () if not given or _knows(collection) else (_OTHER_KEY,)


def _patient(item: Item) -> str | None:
    """None too of a file that a loader takes for a patient of its own, since nothing names one."""
    found = item.groups.get("patient")
    return None if found in (item.id, item.locator.get("file")) else found


def _knows(collection: Collection) -> bool:
    """Whether the key that hashed the query's patient knows every source."""
    sources = collection.store.snapshot().sources.values()
    made = ((registry().create("loaders", each.loader, each.options), each.root) for each in sources)
    return all(loader.knows(root) for loader, root in made if hasattr(loader, "knows"))

"""Fieldglass: find pictures in specialised collections with a picture, a sentence, a place, or several together.

import fieldglass
c = fieldglass.open("holiday.collection")
c.search(image="beach.jpg", text="a dog", k=10)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldglass.collection import Collection, create, open
    from fieldglass.errors import FieldglassError
    from fieldglass.hooks import Offer, hookimpl
    from fieldglass.result import Hit, SearchResult
    from fieldglass.types import Item, Problem, Query, QueryImage, QueryText, Sample

__version__ = "0.1.0"

__all__ = [
    "Collection",
    "FieldglassError",
    "Hit",
    "Item",
    "Offer",
    "Problem",
    "Query",
    "QueryImage",
    "QueryText",
    "Sample",
    "SearchResult",
    "create",
    "hookimpl",
    "open",
]

_HOME = {
    "Collection": "fieldglass.collection",
    "FieldglassError": "fieldglass.errors",
    "Hit": "fieldglass.result",
    "Item": "fieldglass.types",
    "Offer": "fieldglass.hooks",
    "Problem": "fieldglass.types",
    "Query": "fieldglass.types",
    "QueryImage": "fieldglass.types",
    "QueryText": "fieldglass.types",
    "Sample": "fieldglass.types",
    "SearchResult": "fieldglass.result",
    "create": "fieldglass.collection",
    "hookimpl": "fieldglass.hooks",
    "open": "fieldglass.collection",
}


def __getattr__(name: str) -> Any:  # so that `import fieldglass` imports no numpy
    if name not in _HOME:
        raise AttributeError(f"module 'fieldglass' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)

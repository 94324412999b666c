"""The records of a collection: what goes in through the `Writer` and comes out of a `Snapshot`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fieldglass.types import Item, Problem

__all__ = ["Column", "Committed", "Entry", "Fault", "Field", "Finding", "JournalRow", "Known", "Source"]

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Field:
    """One kind of vector of a collection.

    `rows` vectors of `dim` per item, stored as `dtype` ("f32", "f16" or "bits"). `reduce` says how
    the scores of several rows become one ("max", "sum", "none"). `origin` is what is encoded:
    "sample" (what the loader reads) or "column:<name>" (a text column, such as captions).
    """

    name: str
    encoder: str
    options: Mapping[str, Any]
    fingerprint: str
    dim: int
    rows: int = 1
    dtype: str = "f32"
    reduce: str = "none"
    origin: str = "sample"


@dataclass(frozen=True)
class Source:
    """One root of items. The ids of the first source are bare, those of later ones `name/...`."""

    key: int
    name: str
    root: Path
    loader: str
    options: Mapping[str, Any]

    @property
    def prefix(self) -> str:
        """What stands before the loader's own id in the collection: "" or "name/"."""
        return "" if self.key == 1 else f"{self.name}/"

    def collection_id(self, id: str) -> str:
        """The loader's own id, or the subject of its problem, as the collection names it."""
        return self.prefix + id

    def local_id(self, id: str) -> str:
        """The id of the collection, as the loader named it."""
        return id.removeprefix(self.prefix)


@dataclass(frozen=True)
class Column:
    """A metadata column: type "int", "float", "bool", "text" or "date"; `sql` is its name in a filter.

    An `annotated` one stays when its item is read again; a `measured` one when only the metadata is.
    """

    name: str
    type: str
    group: bool = False
    sql: str = ""
    annotated: bool = False
    measured: bool = False


@dataclass(frozen=True)
class Known:
    """What the collection holds of an id. `position` is None where the journal alone knows it.

    `stamp` is that of the journal where the last reading failed, so that an unchanged bad file is
    not read again.
    """

    position: int | None
    stamp: str
    content_hash: str = ""
    metadata_hash: str = ""


@dataclass
class Entry:
    """One item ready to be committed. `item.id` is the collection's id (`Source.collection_id`).

    `metadata` replaces `item.metadata` (loader and hooks together); `measured` is `Sample.measured`. `thumb` is
    WebP, or b"".
    `vectors` maps a field to (rows, dim) float32, or None where the item lacks it.
    """

    item: Item
    stamp: str
    content_hash: str = ""
    metadata: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    metadata_hash: str = ""
    thumb: bytes = b""
    vectors: Mapping[str, NDArray[np.float32] | None] = field(default_factory=lambda: _EMPTY)
    measured: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True)
class Fault:
    """A problem with the stamp of its file. `problem.subject` is in the collection's form."""

    problem: Problem
    stamp: str = ""


@dataclass(frozen=True)
class JournalRow:
    """One row of the journal. `at` is UTC, ISO 8601."""

    source: str
    subject: str
    code: str
    message: str
    severity: Literal["error", "warning"]
    at: str
    stamp: str = ""


@dataclass(frozen=True)
class Committed:
    """How many items a commit added, replaced (or touched) and journalled.

    `emptied` counts the cells that do not suit the type of their column.
    """

    new: int = 0
    changed: int = 0
    problems: int = 0
    emptied: int = 0

    def __add__(self, other: Committed) -> Committed:
        return Committed(
            self.new + other.new,
            self.changed + other.changed,
            self.problems + other.problems,
            self.emptied + other.emptied,
        )


@dataclass(frozen=True)
class Finding:
    """Something wrong in a collection: the file (relative to it), what, and what to do next."""

    file: str
    what: str
    next: str

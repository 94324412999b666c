"""The records that travel between loaders, encoders, composers, indexes and the engine.

They import nothing heavy: numpy appears in annotations only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]
    F64 = NDArray[np.float64]
    I64 = NDArray[np.int64]
    Bitmap = NDArray[np.bool_]

__all__ = [
    "Accepts",
    "All",
    "Card",
    "Filter",
    "Fusion",
    "GalleryView",
    "Item",
    "Moments",
    "Prepared",
    "Probe",
    "ProbeScores",
    "Probes",
    "Problem",
    "Query",
    "QueryImage",
    "QueryText",
    "Ranking",
    "Sample",
]

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Item:
    """One searchable thing: a photo, a tile, a frame, a series, a product, a place, a caption.

    `id` is stable and unique in its source ("a/1.jpg", "scene.tif#tile=3,7"). `paths` are
    relative to the root of the source, POSIX-style, none or many, never outside it. `locator`
    is what `read` needs (window, frame, members), JSON-able. `metadata` values are str, int,
    float, bool, date, datetime or None. `groups` (patient, study, product, scene) serve
    exclusion, collapsing and splits.
    """

    id: str
    paths: tuple[str, ...] = ()
    locator: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    metadata: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    groups: Mapping[str, str] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True)
class Problem:
    """One bad input: what it was, a stable code ("image-truncated"), and a sentence for people.

    `subject` is the id or the path relative to the root; `paths` lets an unchanged bad file be
    skipped next time. `severity` "warning" means that the item was still taken.
    """

    subject: str
    code: str
    message: str
    paths: tuple[str, ...] = ()
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Sample:
    """One decoded item, in physical units.

    `content` is (H, W, C) or (D, H, W, C) in its native dtype for "image", "volume" and
    "clip"; str for "text"; (latitude, longitude) float64 degrees for "place". `mask` has
    `content.shape[:-1]`, True where valid. `spacing` is millimetres or metres per axis. `measured`
    holds metadata that only the decoded content tells (valid share, mean NDVI): columns like those of
    `Item.metadata`, under names of their own.
    """

    kind: Literal["image", "volume", "clip", "text", "place"]
    content: Any
    bands: tuple[str, ...] = ("R", "G", "B")
    units: str = "srgb8"
    mask: Bitmap | None = None
    spacing: tuple[float, ...] | None = None
    measured: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True)
class Accepts:
    """What one tower of an encoder takes: a kind of sample, its bands and its units."""

    tower: str
    kind: str
    bands: tuple[str, ...] = ("R", "G", "B")
    units: str = "srgb8"


@dataclass(frozen=True)
class Prepared:
    """A sample ready for its tower: array of the shape that tower batches (or a str, or a place)."""

    content: Any
    tower: str


class Filter(Protocol):
    """A filter that is not SQL: an area, a radius, a set of labels.

    It may have `outline`, a shapely geometry in WGS84 degrees: maps show it as what was searched.
    """

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool over positions, True where an item may be a hit."""
        ...


@dataclass(frozen=True)
class All:
    """A filter of several, SQL or `Filter`: an item must pass every one."""

    parts: tuple[str | Filter, ...]

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, str) else str(part) for part in self.parts)

    @property
    def outlines(self) -> tuple[Any, ...]:
        """Those of its parts that have one."""
        found = (getattr(part, "outline", None) for part in self.parts)
        return tuple(each for each in found if each is not None)

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool: the items that pass all of them."""
        import numpy as np

        found = np.ones(gallery.size, dtype=np.bool_)
        for part in self.parts:
            found &= gallery.select(part) if isinstance(part, str) else part.bitmap(gallery)
        return found


@dataclass(frozen=True)
class QueryImage:
    """A picture of a query: the id of an indexed item, or a sample read from elsewhere."""

    id: str | None = None
    item: Item | None = None
    sample: Sample | None = None
    role: Literal["reference", "positive", "negative"] = "reference"
    weight: float = 1.0


@dataclass(frozen=True)
class QueryText:
    """A sentence of a query and the part it plays."""

    text: str
    role: Literal["modification", "target", "domain", "attribute", "negative", "turn", "description"] = "modification"
    weight: float = 1.0


@dataclass(frozen=True)
class Query:
    """What is looked for, and among what.

    `only` restricts the gallery (GeneCIS, CIRR subsets), `exclude` removes ids, and
    `exclude_group` removes every item that shares that group with a query picture; both are the
    benchmark's or the collection's policy, never the composer's. `where` is SQL over the
    metadata columns or a `Filter`. `history` holds the earlier turns, oldest first.
    """

    images: tuple[QueryImage, ...] = ()
    texts: tuple[QueryText, ...] = ()
    place: tuple[float, float] | None = None
    side: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    only: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    exclude_group: str | None = None
    where: str | Filter | None = None
    history: tuple[Query, ...] = ()
    id: str = ""


@dataclass(frozen=True)
class Probe:
    """Vectors to compare with one field: (n, dim) float32, one row a query.

    The score of item x is `vectors @ x + bias`; `weight` is the probe's share in the fusion.
    `label` names it in `fieldglass explain`.
    """

    field: str
    vectors: F32
    weight: float = 1.0
    bias: float = 0.0
    label: str = ""


@dataclass(frozen=True)
class Moments:
    """Count, mean (dim,) and covariance (dim, dim; unbiased) of the live rows of a field, float64."""

    count: int
    mean: F64
    covariance: F64

    def of_scores(self, vectors: F32) -> tuple[F64, F64]:
        """Mean and standard deviation, each (n,), of `vectors @ x` over the field: exact, O(d^2)."""
        import numpy as np

        q = np.asarray(vectors, dtype=np.float64)
        variance = np.einsum("nd,nd->n", q @ self.covariance, q)
        return q @ self.mean, np.sqrt(np.maximum(variance, 0.0))


@dataclass(frozen=True)
class ProbeScores:
    """The scores of one probe: values (m,) float64 of one query, with their calibration.

    `mean` and `std` are over all live rows of the field (or the filtered ones, by
    `--calibrate matches`); `present` is False where an item lacks the field.

    To a fusion that needs moments alone, rows of several queries may come at once: values of any shape, to which
    the presence of each row, and the mean and std of each query broadcast.
    """

    values: F64
    present: Bitmap
    weight: float
    mean: float | F64
    std: float | F64

    @property
    def asked(self) -> Bitmap:
        """Whether a query has this probe, shaped as mean and std: zeros stand for one that it lacks."""
        import numpy as np

        return np.asarray((np.asarray(self.std) != 0) | (np.asarray(self.mean) != 0))

    @property
    def z(self) -> F64:
        """The z-scores, shaped as the values: 0 where all scores of a query are equal."""
        import numpy as np

        alike = np.asarray(self.std) == 0
        found = np.subtract(self.values, self.mean)
        found /= np.where(alike, 1.0, self.std)
        return np.where(alike, 0.0, found) if alike.any() else found


@dataclass(frozen=True)
class Fusion:
    """How the scores of several probes become one.

    `needs` tells the engine what it must provide:
    "linear": a weighted sum, collapsed to one vector per field before the search;
    "moments": `combine` sees each probe's mean and std, exact without a scan;
    "scores": `combine` must see every row (percentile, ranks, minima, maxima).
    `combine` takes one `ProbeScores` per probe, aligned on the same m rows, and returns (m,) float64,
    higher is better. It is None for "linear". With "moments" it must not decrease when a z-score of
    a positively weighted probe grows, nor increase when that of a negatively weighted one does: the
    engine prunes by it. It must also score each row by itself, and take values of any shape, for the
    engine gives it the rows of many queries at once; `ProbeScores.z` does so.
    """

    name: str
    needs: Literal["linear", "moments", "scores"]
    combine: Callable[[tuple[ProbeScores, ...]], F64] | None = None


@dataclass(frozen=True)
class Probes:
    """What a composer returns: probes, all with the same n, and their fusion.

    `notes` say what the composer did that one would not expect; they stand beside the answer. `query_notes` are those
    of each query, one tuple per query or none at all: what stood in for a model that was down. `where` are conditions
    that follow from the query (the same place, another date), one per query or none at all, None where there is none:
    the engine joins each to the query's own filter.
    """

    probes: tuple[Probe, ...]
    fusion: Fusion
    notes: tuple[str, ...] = ()
    query_notes: tuple[tuple[str, ...], ...] = ()
    where: tuple[str | Filter | None, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """Hits of one query, best first: positions (m,) int64, scores (m,) float64, and ids where known.

    `notes` are sentences for people: what a reranker could not do, what it cost. `reranked` is False where a reranker
    was asked and could not give its order.
    """

    positions: I64
    scores: F64
    exact: bool = True
    ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reranked: bool = True


class GalleryView(Protocol):
    """What composers, rerankers and filters may see of a collection: never ground truth.

    What is in a `private` one (studies of patients) is sent to no other machine; see `fieldglass.llm.guard`.
    """

    size: int

    @property
    def private(self) -> bool:
        """Whether a loader of one of its sources is private."""
        ...

    def positions(self, ids: list[str]) -> I64:
        """Position of each id, -1 where there is none."""
        ...

    def ids(self, positions: I64) -> list[str]:
        """The id at each position."""
        ...

    def vectors(self, field: str, positions: I64) -> F32:
        """(n, rows, dim) as stored."""
        ...

    def moments(self, field: str) -> Moments:
        """Moments of the live rows; of the mean row where a field has several."""
        ...

    def scores(self, field: str, vectors: F32) -> F32:
        """(n, size) inner products with every row (max over rows); NaN at dead or absent positions."""
        ...

    def neighbours(self, field: str, vectors: F32, k: int) -> list[Ranking]:
        """The k nearest live rows of each vector."""
        ...

    def metadata(self, positions: I64) -> list[dict[str, Any]]:
        """The metadata columns at each position."""
        ...

    def numbers(self, columns: list[str]) -> F64:
        """(size, n): number columns of every item, NaN where it has none, is gone, or where there is no such column."""
        ...

    def select(self, where: str) -> Bitmap:
        """(size,) bool: the live items that match an SQL expression over the columns. FilterError."""
        ...

    def thumbnail(self, position: int) -> bytes | None:
        """The stored WebP preview."""
        ...

    def read(self, id: str) -> Sample:
        """The item, decoded again by its loader."""
        ...


@dataclass(frozen=True)
class Card:
    """What is known of a model or a benchmark: data, not code.

    `files` maps a file name to its sha256; `composers` maps a composer's name to its defaults with
    this model; `published` holds the numbers of the paper under the names it prints.
    """

    name: str
    summary: str
    family: str = ""
    source: str = ""
    licence: str = ""
    paper: str = ""
    protocol: str = ""
    dim: int = 0
    size_bytes: int = 0
    files: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    options: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    composers: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _EMPTY)
    published: Mapping[str, float] = field(default_factory=lambda: _EMPTY)

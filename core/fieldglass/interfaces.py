"""The interfaces of Fieldglass: protocols of a few methods, no base class to inherit.

`fieldglass.testing` has a contract kit for each; an object is right when its kit passes.
Vectors are float32 and of unit L2 norm unless an encoder declares `raw`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fieldglass.training.plan import Plan, Position
    from fieldglass.types import (
        F32,
        I64,
        Accepts,
        Bitmap,
        Card,
        GalleryView,
        Item,
        Prepared,
        Probes,
        Problem,
        Query,
        Ranking,
        Sample,
    )

__all__ = [
    "Benchmark",
    "Composer",
    "Encoder",
    "ImageEncoder",
    "Index",
    "Loader",
    "PairEncoder",
    "PatchEncoder",
    "PlaceEncoder",
    "QueryEncoder",
    "RawEncoder",
    "Recipe",
    "Reranker",
    "TextEncoder",
    "TokenEncoder",
]


class Loader(Protocol):
    """Finds and decodes the items of one root. Safe to call from several threads.

    `private` (medical): ids, journal, logs and errors hold keyed hashes; the map to paths lies
    beside the key, outside the collection. A loader may also have `base(root) -> Path`, the folder that item paths
    are relative to, `queries`, the name of the loader that reads one picture to search with (a table has "files"),
    `exclude_group`, the group ("patient") whose items are no hits of one another by default, and `notice`, a sentence
    that a collection keeps and every result of it bears ("not for diagnosis"). A private one may have
    `conceal(root) -> Path`, a relative name kept for a root, which its methods take too, and `ids_of(path, root)`, what
    the ids of a file's items are, or begin with before a "#".
    """

    private: bool

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The items below `root` (a folder or one file): headers only; one bad file is a Problem."""
        ...

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """One answer per item, in order; the items are of ONE source file, so its handle is opened once."""
        ...

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(h, w, 3) uint8, display-ready, from the decoded sample."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """Turns prepared samples into vectors of one space.

    `fingerprint` covers weights, preprocessing, precision and options, and is the same for all
    towers. `rows` is the number of vectors per item (1, or 32 for BLIP-2). `dtype` is how vectors
    are stored: "f32", "f16" or "bits". An encoder may have `composer`, the name of the one that it was
    trained with: a picture with a sentence goes to it where no other is named.
    """

    name: str
    fingerprint: str
    dim: int
    rows: int
    dtype: str
    accepts: tuple[Accepts, ...]

    def prepare(self, sample: Sample) -> Prepared:
        """One item on the CPU, thread-safe. UsageError names the kind, bands or units not accepted."""
        ...


@runtime_checkable
class ImageEncoder(Protocol):
    """Encodes images, volumes or clips."""

    def images(self, batch: Sequence[Prepared]) -> F32:
        """Prepared samples of one tower -> (n, rows, dim) float32."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Encodes sentences into the same space."""

    def texts(self, texts: Sequence[str]) -> F32:
        """(n,) str -> (n, dim) float32."""
        ...


@runtime_checkable
class PlaceEncoder(Protocol):
    """Encodes places into the same space."""

    def places(self, places: NDArray[np.float64]) -> F32:
        """(n, 2) latitude, longitude in degrees -> (n, dim) float32."""
        ...


@runtime_checkable
class TokenEncoder(Protocol):
    """A text tower that takes pseudo-words (textual inversion)."""

    token_dim: int

    def pseudo_texts(self, prompts: Sequence[str], words: F32) -> F32:
        """Prompts holding the placeholder `$` and (n, token_dim) vectors for it -> (n, dim) float32."""
        ...


@runtime_checkable
class PairEncoder(Protocol):
    """Encodes a picture and a sentence jointly."""

    def pairs(self, images: Sequence[Prepared], texts: Sequence[str]) -> F32:
        """(n,) and (n,) -> (n, dim) float32."""
        ...


@runtime_checkable
class PatchEncoder(Protocol):
    """Gives one vector per patch."""

    def patches(self, batch: Sequence[Prepared]) -> F32:
        """Prepared samples -> (n, p, dim) float32."""
        ...


@runtime_checkable
class RawEncoder(Protocol):
    """Gives vectors before normalisation."""

    def raw_images(self, batch: Sequence[Prepared]) -> F32:
        """Prepared samples -> (n, rows, dim) float32, not normalised."""
        ...

    def raw_texts(self, texts: Sequence[str]) -> F32:
        """(n,) str -> (n, dim) float32, not normalised."""
        ...


@runtime_checkable
class QueryEncoder(Protocol):
    """An encoder whose stored vectors are probed differently from how they are stored."""

    def as_query(self, rows: F32) -> F32:
        """(n, rows, dim) stored -> (n, dim): the item used as a picture."""
        ...

    def as_text(self, rows: F32) -> F32:
        """(n, rows, dim) stored -> (n, dim): the item used as a description."""
        ...


class Composer(Protocol):
    """Turns queries of several parts into probes. `requires` names encoder capabilities ("texts", "images", ...)."""

    requires: frozenset[str]

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> probes whose vectors have n rows. It may search the gallery."""
        ...


class Index(Protocol):
    """Proposes candidate rows; the engine scores them again from the segments."""

    exact: bool

    def add(self, rows: I64, vectors: F32) -> None:
        """Rows (n,) int64 and their vectors (n, dim) float32."""
        ...

    def candidates(self, vectors: F32, k: int, allow: Bitmap | None) -> I64:
        """(n, dim) -> (n, k) rows, best first, -1 pads; only rows where `allow` is True."""
        ...

    def save(self, path: Path) -> None:
        """Write to one file, atomically."""
        ...

    def load(self, path: Path) -> Index:
        """Read what `save` wrote; bit-identical answers. DamagedError where the file is not whole."""
        ...


class Reranker(Protocol):
    """Gives the first hits a better order.

    It may have `depth`, the number of hits it wants to see (100 without), and `threads`, how many queries it takes at a
    time (1 without): for one that waits for an endpoint. Where that is down it may raise EndpointError; the engine then
    keeps the order and notes it, or passes the error on where re-ranking is required.
    """

    def rerank(self, query: Query, probes: Probes, ranking: Ranking, gallery: GalleryView) -> Ranking:
        """A permutation of the first M hits; the tail is untouched and keeps its order.

        `probes` has one row. What could not be done (a picture that is gone, an endpoint that is down) keeps the
        order it had and is said in the `notes` of the ranking.
        """
        ...


class Benchmark(Protocol):
    """A published protocol."""

    card: Card

    def gallery(self) -> Iterable[Item]:
        """The gallery."""
        ...

    def queries(self) -> Iterable[Query]:
        """The queries, with their exclusions."""
        ...

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """Queries with their rankings (ids filled), streamed -> metric name as the paper prints it -> value."""
        ...


class Recipe(Protocol):
    """A training: data, a torch module and a loss. `fieldglass.training` owns the loop, the run folder and resuming.

    Its factory takes `seed: int` and `device: str` besides its own options; torch is seeded before it is called.
    `module` is what is trained, and all of it goes into the checkpoints: frozen towers stay outside. `fingerprint`
    says what the data and the frozen parts are: a run is resumed only with the same. `weights` is the name of the
    file that `save` writes, `summary` one line on the data, for the user.
    """

    name: str
    fingerprint: str
    summary: str
    weights: str
    plan: Plan
    module: Any  # torch.nn.Module, on its device

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """The batches of an epoch from the `start`-th on, whatever a batch is. The same for the same seed and epoch:
        what comes after `start` does not depend on what came before, nor on torch's generator."""
        ...

    def loss(self, batch: Any, at: Position) -> Mapping[str, Any]:
        """ "loss", a scalar tensor with a gradient, and any named scalars to log. Random numbers are torch's."""
        ...

    def optimiser(self) -> Any:
        """A torch optimiser of the module's parameters."""
        ...

    def schedule(self, optimiser: Any) -> Any:
        """A torch learning-rate schedule, or None."""
        ...

    def validate(self) -> Mapping[str, float]:
        """Figures after an epoch, the plan's metric among them; empty without validation. The
        module is in evaluation mode, and gradients are off."""
        ...

    def save(self, path: Path) -> None:
        """Write the weights that are of use afterwards: tensors, text and numbers only, no pickled objects."""
        ...

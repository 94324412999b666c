"""Fashion-Gen (arXiv 1806.08317): a description, and the pictures of its product."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, MissingExtraError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Problem, Query, QueryText, Ranking, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FashionGen"]

KS = (1, 5, 10)
_QUERIES, _OTHERS = 1000, 100
_TEXTS = ("input_description", "input_category", "input_subcategory")


class FashionGen(Reader):
    """R@1, R@5, R@10 of the description: a hit is a picture of the same product.

    Products have several pictures; the description of a product is asked once, from its first row. "sampled" is the
    protocol of the papers: 1000 queries, each among one picture of its product and 100 of other products of the same
    subcategory, drawn by `seed`; theirs are not published. "full" asks every product among all pictures. Report both.

    :param root: fashiongen_256_256_validation.h5, or _train.h5.
    :param split: validation or train.
    :param protocol: "sampled" or "full".
    """

    name = "fashion/fashiongen"
    splits = ("validation", "train")
    depth = 101

    def __init__(
        self, *, root: str, split: str = "validation", protocol: Literal["sampled", "full"] = "sampled", seed: int = 0
    ) -> None:
        super().__init__(root, split)
        self.protocol, self.seed = protocol, seed
        self.file = f"fashiongen_256_256_{self.split}.h5"

    def gallery(self) -> Iterator[Item]:
        """Every row of the file; the product is a group."""
        columns = self._columns
        name = self.files.find(self.file).relative_to(self.files.root).as_posix()
        for row, product in enumerate(columns["product"]):
            metadata = {"category": columns["input_category"][row], "subcategory": columns["input_subcategory"][row]}
            yield Item(str(row), (name,), locator={"row": row}, metadata=metadata, groups={"product": product})

    def queries(self) -> Iterator[Query]:
        """A description each."""
        for id, (row, only) in self._asked.items():
            text = self._columns["input_description"][row]
            yield Query(texts=(QueryText(text, "target"),), only=only, id=id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k."""
        known = {id: (id, row) for id, (row, _) in self._asked.items()}
        for (id, row), ranking in self.judged(pairs, known):
            ranks = hit_ranks(ranking.ids, self._products[self._columns["product"][row]])
            for k in KS:
                self.tally.add(f"R@{k}", id, hit_at(ranks, k))
        return self.percents()

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The pictures of rows: (256, 256, 3) uint8."""
        with _opened(self.files.find(self.file), self.files.hint) as file:
            for item in items:
                row = int(item.locator["row"])
                try:
                    picture = np.asarray(file["input_image"][row])
                except (OSError, ValueError, IndexError, KeyError) as error:
                    yield Problem(item.id, "image-damaged", f"Row {row} cannot be read: {error}", item.paths)
                    continue
                if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
                    yield Problem(item.id, "image-damaged", f"Row {row} is no picture: {picture.shape}.", item.paths)
                else:
                    yield Sample("image", picture)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture itself."""
        content: NDArray[np.uint8] = sample.content
        return content

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        path = self.files.find(self.file)
        with _opened(path, self.files.hint) as file:
            lacking = [key for key in ("input_image", "input_productID", *_TEXTS) if key not in file]
            if lacking:
                raise LoaderError(f"{path} has no dataset {lacking[0]!r}.", hint=self.files.hint)
            found = {key: [_text(cell) for cell in np.asarray(file[key]).reshape(-1)] for key in _TEXTS}
            found["product"] = [_text(cell) for cell in np.asarray(file["input_productID"]).reshape(-1)]
            lengths = {len(file["input_image"]), *map(len, found.values())}
        if len(lengths) != 1:
            raise LoaderError(f"{path}: its datasets have {sorted(lengths)} rows.", hint=self.files.hint)
        self.files.count(f"{self.split} pictures", lengths.pop())
        return found

    @cached_property
    def _products(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row, product in enumerate(self._columns["product"]):
            found.setdefault(product, set()).add(str(row))
        return found

    @cached_property
    def _asked(self) -> dict[str, tuple[int, frozenset[str] | None]]:
        columns = self._columns
        first = {product: min(map(int, rows)) for product, rows in self._products.items()}
        rows = [row for row in sorted(first.values()) if columns["input_description"][row]]
        if len(rows) < len(first):
            self.files.note(f"{len(first) - len(rows)} queries left out: their text is blank.")
        if self.protocol == "full":
            return {columns["product"][row]: (row, None) for row in rows}
        kinds: dict[str, list[int]] = {}
        for row, kind in enumerate(columns["input_subcategory"]):
            kinds.setdefault(kind, []).append(row)
        noise = np.random.default_rng(self.seed)
        drawn = sorted(noise.permutation(len(rows))[:_QUERIES])
        return {columns["product"][rows[at]]: (rows[at], self._among(rows[at], kinds)) for at in drawn}

    def _among(self, row: int, kinds: Mapping[str, list[int]]) -> frozenset[str]:
        """A picture and 100 of other products, of the same subcategory as far as it has so many."""
        columns = self._columns
        product, kind = columns["product"][row], columns["input_subcategory"][row]
        noise = np.random.default_rng((self.seed, zlib.crc32(product.encode())))
        near = [each for each in kinds[kind] if columns["product"][each] != product]
        chosen = [near[at] for at in noise.permutation(len(near))[:_OTHERS]]
        if len(chosen) < _OTHERS:
            rest = [each for each in range(len(columns["product"])) if columns["product"][each] != product]
            taken = set(chosen)
            others = (rest[at] for at in noise.permutation(len(rest)) if rest[at] not in taken)
            chosen += [each for each, _ in zip(others, range(_OTHERS - len(chosen)), strict=False)]
        return frozenset(map(str, (row, *chosen)))


def _opened(path: Path, hint: str) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "Fashion-Gen is read with h5py, which is not installed.",
            hint='pip install "fieldglass-fashion[fashiongen]"',
        ) from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise LoaderError(f"{path} is no whole HDF5 file: {error}.", hint=hint) from error


def _text(cell: Any) -> str:
    return text_of(cell.decode("latin-1") if isinstance(cell, bytes) else cell)

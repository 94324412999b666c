"""MedMNIST as retrieval: 12 sets of pictures and 6 of volumes, the test set asks the training set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.types import Item, Query, QueryImage, Ranking
from fieldglass_medical.benchmarks.neighbour_labels import add_class_metrics
from fieldglass_medical.benchmarks.rendered import Arrays, write_once
from fieldglass_medical.benchmarks.solids import middle_slice, read_solids, write_solids

__all__ = ["FLAT", "SOLID", "MedMNIST"]

FLAT = (
    "bloodmnist", "breastmnist", "chestmnist", "dermamnist", "octmnist", "organamnist", "organcmnist", "organsmnist",
    "pathmnist", "pneumoniamnist", "retinamnist", "tissuemnist",
)  # fmt: skip
SOLID = ("adrenalmnist3d", "fracturemnist3d", "nodulemnist3d", "organmnist3d", "synapsemnist3d", "vesselmnist3d")
_SIZES = {False: (28, 64, 128, 224), True: (28, 64)}
_MULTI = "chestmnist"


class MedMNIST(Reader):
    """mAP@5, mMV@5, ACC@1, 3, 5 of a set: queries are test, the gallery train, or train and val.

    :param root: the folder with SUBSET.npz or SUBSET_SIZE.npz; pictures are written once below it, in rendered/.
    :param subset: breastmnist, organmnist3d ...
    :param size: 28, 64, and in two dimensions 128 and 224.
    :param gallery: "train", or "train+val".
    :param slices: of a volume, laid side by side as one picture: 9, 16 ... A volume has no picture of its own.
    :param form: of a volume: "tiles", that picture, which any encoder takes, or "volume", for encoders of volumes.

    chestmnist has 14 labels a picture: a hit is right where they share one (without findings: where both have none).
    """

    name = "med/medmnist"
    depth = 5

    def __init__(
        self,
        *,
        root: str,
        subset: str = "breastmnist",
        size: int = 28,
        gallery: str = "train",
        slices: int = 9,
        form: str = "tiles",
    ) -> None:
        super().__init__(root)
        if subset not in (*FLAT, *SOLID):
            raise UsageError(f"There is no set {subset!r}.", hint=f"Sets: {', '.join((*FLAT, *SOLID))}.")
        if size not in _SIZES[subset in SOLID]:
            raise UsageError(f"{subset} has no size {size}.", hint=f"Sizes: {_SIZES[subset in SOLID]}.")
        if gallery not in ("train", "train+val"):
            raise UsageError(f"gallery={gallery!r} is train or train+val.")
        side = int(np.sqrt(slices))
        if side * side != slices:
            raise UsageError(f"slices={slices} is no square number.", hint="4, 9, 16, 25.")
        if form not in ("tiles", "volume") or (form == "volume" and subset not in SOLID):
            raise UsageError(f"form={form!r} is tiles, or volume for a set of volumes ({', '.join(SOLID)}).")
        self.subset, self.size, self.side = subset, size, side
        if form == "volume":  # how the evaluation knows that these are no photographs
            self.read, self.preview = read_solids, middle_slice
        self.form = form
        self.splits_used = tuple(gallery.split("+"))
        self.file = f"{subset}.npz" if size == 28 else f"{subset}_{size}.npz"

    def gallery(self) -> Iterator[Item]:
        """Training pictures, written as PNG where they are not there yet."""
        for split in self.splits_used:
            self._render(split)
            yield from self._items(split)

    def queries(self) -> Iterator[Query]:
        """Test pictures."""
        self._render("test")
        for item in self._items("test"):
            yield Query((QueryImage(item=item),), id=item.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """mAP@5, mMV@5, ACC@1, ACC@3, ACC@5; with several labels a picture, those of "shares one"."""
        known = {self._id("test", number): number for number in range(len(self._labels["test"]))}
        for number, ranking in self.judged(pairs, known):
            query = self._id("test", number)
            found = [self._label_of(name) for name in ranking.ids[: self.depth]]
            wanted = self._label(self._labels["test"][number])
            if self.subset == _MULTI:  # what shares a finding bears the query's name, the rest its own
                found = [wanted if _shares(wanted, each) else each for each in found]
            add_class_metrics(self.tally, query, wanted, found)
        return self.percents()

    def _label_of(self, id: str) -> str:
        split, _, number = id.rpartition("/")
        try:
            return self._label(self._labels[split][int(number)])
        except (KeyError, ValueError, IndexError) as error:
            raise LoaderError(f"{self.name} has no item {id!r}.") from error

    def _items(self, split: str) -> Iterator[Item]:
        for number, row in enumerate(self._labels[split]):
            name = self._id(split, number)
            metadata = {"label": self._label(row), "split": split}
            locator = {"row": number} if self.form == "volume" else {}
            yield Item(name, (self._path(split, number),), locator, metadata)

    @staticmethod
    def _label(row: np.ndarray[Any, Any]) -> str:
        """One class as its number; several as "0|3"; "" for none of several."""
        return str(int(row[0])) if len(row) == 1 else "|".join(map(str, np.flatnonzero(row)))

    @staticmethod
    def _id(split: str, number: int) -> str:
        return f"{split}/{number:06d}"

    def _path(self, split: str, number: int) -> str:
        if self.form == "volume":
            return f"rendered/{self.subset}_{self.size}/{split}.npy"
        folder = f"{self.subset}_{self.size}" + (f"_{self.side**2}" if self.subset in SOLID else "")
        return f"rendered/{folder}/{split}/{number:06d}.png"

    @cached_property
    def _arrays(self) -> Arrays:
        return Arrays(self.files.find(self.file), self.files.hint)

    @cached_property
    def _labels(self) -> dict[str, np.ndarray[Any, Any]]:
        found = {}
        for split in ("train", "val", "test"):
            labels = self._arrays.whole(f"{split}_labels")
            count = self._arrays.shape(f"{split}_images")[0]
            if labels.ndim != 2 or labels.dtype.kind not in "iu" or len(labels) != count:
                raise LoaderError(
                    f"{self.file}: {split}_labels holds {labels.dtype} of {labels.shape}, not {count} rows of int.",
                    hint=self.files.hint,
                )
            self.files.count(f"{self.subset} {split}", len(labels))
            found[split] = labels
        return found

    def _render(self, split: str) -> None:
        count = len(self._labels[split])
        root = self.files.root
        if self.form == "volume":
            if not (root / self._path(split, 0)).is_file():
                shape = (count, *(self.size,) * 3)
                rows = (self._checked(row) for row in self._arrays.rows(f"{split}_images"))
                write_solids(root / self._path(split, 0), rows, shape)
            return
        if all((root / self._path(split, number)).is_file() for number in (0, count - 1) if count):
            lacking = {n for n in range(count) if not (root / self._path(split, n)).is_file()}
        else:
            lacking = set(range(count))
        if not lacking:
            return
        for number, row in enumerate(self._arrays.rows(f"{split}_images")):
            if number in lacking:
                write_once(root / self._path(split, number), self._picture(row))

    def _picture(self, row: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        checked = self._checked(row)
        return _tiled(checked, self.side) if self.subset in SOLID else checked

    def _checked(self, row: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        axes = 3 if self.subset in SOLID else 2
        if row.dtype != np.uint8 or row.shape[:axes] != (self.size,) * axes:
            raise LoaderError(f"{self.file} holds {row.dtype} of {row.shape}.", hint=self.files.hint)
        return row


def _tiled(volume: np.ndarray[Any, Any], side: int) -> np.ndarray[Any, Any]:
    """(D, H, W) -> side x side slices, evenly spaced, row by row."""
    places = np.linspace(0, len(volume) - 1, side * side).round().astype(int)
    rows = [np.concatenate(list(volume[places[row * side : (row + 1) * side]]), axis=1) for row in range(side)]
    return np.concatenate(rows, axis=0)


def _shares(first: str, second: str) -> bool:
    mine, theirs = set(filter(None, first.split("|"))), set(filter(None, second.split("|")))
    return bool(mine & theirs) or (not mine and not theirs)

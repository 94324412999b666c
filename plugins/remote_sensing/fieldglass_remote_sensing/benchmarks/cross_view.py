"""CrossViewRet: photographs from the ground and satellite pictures of the same kind of place, in both directions."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fieldglass.benchmarks.pictures import SUFFIXES
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.precision import average_precision, precision_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, Ranking

__all__ = ["CrossViewRet"]

AT = (5, 10, 50, 100)


class _Picture(NamedTuple):
    path: str
    view: str
    kind: str


class CrossViewRet(Reader):
    """mAP and P@k by class, from each view to the other, and their mean.

    :param root: two folders, one a view, each with a folder of pictures for every class.
    :param split: test, train or all.
    :param views: the names of the two folders; by default the two that are there.
    :param share: of each class and view that is the test split.
    :param seed: of the split: the sorted paths of a class and view are shuffled, and the last are the test split.

    No official list of the split is public, so that figures depend on the seed; say it beside them.
    """

    name = "rs/crossviewret"
    splits = ("test", "train", "all")
    depth = None
    calibrate = "matches"

    def __init__(
        self, *, root: str, split: str = "test", views: tuple[str, ...] = (), share: float = 0.2, seed: int = 0
    ) -> None:
        super().__init__(root, split)
        if not 0 < share < 1:
            raise UsageError(f"share={share} must be between 0 and 1.")
        if len(views) not in (0, 2):
            raise UsageError(f"views={','.join(views)}: two folders are compared.")
        self.share, self.seed, self._given = share, seed, tuple(views)

    def gallery(self) -> Iterator[Item]:
        """The pictures of both views; the column `view` tells them apart."""
        for picture in self._pictures.values():
            yield Item(picture.path, (picture.path,), metadata={"view": f"v {picture.view}"})

    def queries(self) -> Iterator[Query]:
        """Every picture, among those of the other view."""
        for picture in self._pictures.values():
            other = self._other(picture).replace("'", "''")
            yield Query((QueryImage(picture.path),), where=f"view = 'v {other}'", id=picture.path)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "mAP" and "P@k", the means of both directions, then those of each: "mAP {view}>{view}"."""
        for picture, ranking in self.judged(pairs, self._pictures):
            answers = self._members.get((self._other(picture), picture.kind), frozenset())
            ranks = hit_ranks(ranking.ids, answers)
            way = f"{picture.view}>{self._other(picture)}"
            self.tally.add(f"mAP {way}", picture.path, average_precision(ranks, len(answers)))
            for k in AT:
                self.tally.add(f"P@{k} {way}", picture.path, precision_at(ranks, k))
        means = self.percents()
        found: dict[str, float] = {}
        for metric in ("mAP", *(f"P@{k}" for k in AT)):
            ways = [value for name, value in means.items() if name.startswith(f"{metric} ")]
            found[metric] = sum(ways) / len(ways) if ways else 0.0
        return {**found, **means}

    def _other(self, picture: _Picture) -> str:
        first, second = self._views
        return second if picture.view == first else first

    @cached_property
    def _views(self) -> tuple[str, str]:
        there = self._given or tuple(sorted(path.name for path in self.files.root.iterdir() if _holds_classes(path)))
        if len(there) != 2 or not all((self.files.root / view).is_dir() for view in there):
            raise LoaderError(
                f"{self.files.root} has not two views, but {', '.join(there) or 'none'}.",
                hint=f"{self.files.hint} --set views=ground,satellite names them.",
            )
        return there[0], there[1]

    @cached_property
    def _pictures(self) -> dict[str, _Picture]:
        found: dict[str, _Picture] = {}
        classes: list[set[str]] = []
        for view in self._views:
            folders = sorted(path for path in (self.files.root / view).iterdir() if path.is_dir())
            classes.append({folder.name for folder in folders})
            for folder in folders:
                for name in self._split(sorted(path.name for path in folder.iterdir() if _is_picture(path)), folder):
                    path = f"{view}/{folder.name}/{name}"
                    found[path] = _Picture(path, view, folder.name)
        alone = sorted(classes[0] ^ classes[1])
        if alone:
            self.files.note(f"Classes of one view alone, which have no answer: {', '.join(alone)}.")
        self.files.count("classes", len(classes[0] & classes[1]))
        if self.split == "all":
            self.files.count("pictures", len(found))
        return found

    def _split(self, names: list[str], folder: Path) -> list[str]:
        if self.split == "all":
            return names
        stream = [self.seed, zlib.crc32(f"{folder.parent.name}/{folder.name}".encode())]
        order = np.random.default_rng(stream).permutation(len(names))
        test = max(1, round(self.share * len(names))) if names else 0
        chosen = order[len(names) - test :] if self.split == "test" else order[: len(names) - test]
        return [names[each] for each in sorted(chosen)]

    @cached_property
    def _members(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for picture in self._pictures.values():
            found.setdefault((picture.view, picture.kind), set()).add(picture.path)
        return {key: frozenset(paths) for key, paths in found.items()}


def _holds_classes(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and any(each.is_dir() for each in path.iterdir())


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix in SUFFIXES

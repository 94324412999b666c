"""Retrieval of pictures of the same class: PatternNet, and EuroSAT with all its bands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import average_precision, precision_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.evaluation.retrieval_rank import nmrr
from fieldglass.types import Item, Query, QueryImage, Ranking

__all__ = ["ClassRetrieval", "PatternNet"]

AT = (5, 10, 20, 50, 100)


class ClassRetrieval(Reader):
    """Every picture asks for the others of its class; it is itself taken out. mAP, ANMRR (lower is better), P@k."""

    depth = None

    def gallery(self) -> Iterator[Item]:
        """The pictures, by file name."""
        for id, (path, _) in self.labelled.items():
            yield self.item(id, path)

    def queries(self) -> Iterator[Query]:
        """Each picture of the gallery, but those that are alone in their class."""
        for id in self._asked:
            yield Query((QueryImage(id),), exclude=frozenset({id}), id=id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """mAP, ANMRR and P@k, in percent."""
        for id, ranking in self.judged(pairs, self._asked):
            answers = self._members[self.labelled[id][1]] - {id}
            ranks = hit_ranks(ranking.ids, answers)
            self.tally.add("mAP", id, average_precision(ranks, len(answers)))
            self.tally.add("ANMRR", id, nmrr(ranks, len(answers)))
            for k in AT:
                self.tally.add(f"P@{k}", id, precision_at(ranks, k))
        return self.percents()

    @property
    def labelled(self) -> Mapping[str, tuple[str, str]]:
        """Id -> path and class."""
        raise NotImplementedError

    @cached_property
    def _members(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for id, (_, kind) in self.labelled.items():
            found.setdefault(kind, set()).add(id)
        return {kind: frozenset(ids) for kind, ids in found.items()}

    @cached_property
    def _asked(self) -> dict[str, str]:
        sizes = Counter(kind for _, kind in self.labelled.values())
        alone = sum(count == 1 for count in sizes.values())
        if alone:
            self.files.note(f"{alone} pictures are not asked with: they are alone in their class.")
        found = {id: id for id, (_, kind) in self.labelled.items() if sizes[kind] > 1}
        if not found:
            raise LoaderError(f"{self.files.root} has no two pictures of one class.", hint=self.files.hint)
        return found


class PatternNet(ClassRetrieval):
    """PatternNet: 38 classes of 800 aerial pictures, 256 x 256 pixels.

    :param root: patternnet.csv (path, a number, class; parted by spaces) and images/; without the list, the folders
        of images/ are the classes.
    :param images: the folder that the paths are relative to, below the root.
    """

    name = "rs/patternnet"
    folders = ("", "images")

    def __init__(self, *, root: str, images: str = "") -> None:
        super().__init__(root, "", images)

    @cached_property
    def labelled(self) -> Mapping[str, tuple[str, str]]:
        """By the list, else by the folders."""
        rows = list(self._listed())
        found = {PurePosixPath(path).name: (path, kind) for path, kind in rows}
        if len(found) < len(rows):
            self.files.note(f"{len(rows) - len(found)} pictures left out: they are there twice.")
        self.files.count("pictures", len(found))
        self.files.count("classes", len({kind for _, kind in found.values()}))
        return found

    def _listed(self) -> Iterator[tuple[str, str]]:
        try:
            self.files.find("patternnet.csv")
        except LoaderError:
            base = self.files.root / "images"
            if not base.is_dir():
                raise
            for path in sorted(base.glob("*/*.jpg")):
                yield path.relative_to(self.files.root).as_posix(), path.parent.name
            return
        for row in self.files.table("patternnet.csv", columns=3, delimiter=" "):
            yield row[0], row[2].replace("_", "")

"""ImageCoDe (arXiv 2203.15867): which of ten nearly equal pictures a sentence describes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import ranks_from_scores
from fieldglass.types import Item, Query, QueryText, Ranking

__all__ = ["ImageCoDe"]

LOST = "missing "


class _Case(NamedTuple):
    id: str
    folder: str
    place: int
    text: str


class ImageCoDe(Reader):
    """Accuracy in percent: of all, of frames of videos, of static pictures; a tie counts against the target.

    :param root: {split}_data.json and image-sets/{folder}/img0.jpg ... img9.jpg.
    :param split: valid or train.
    :param images: the folder of the sets, below the root.
    """

    name = "imagecode"
    folders = ("image-sets", "images", "")
    splits = ("valid", "train")
    depth = 10

    def __init__(self, *, root: str, split: str = "valid", images: str = "") -> None:
        super().__init__(root, split, images)

    def gallery(self) -> Iterator[Item]:
        """Ten pictures a set; ids are "folder/file"."""
        for folder in self._texts:
            for name in self._set(folder):
                yield self.item(f"{folder}/{name}", f"{folder}/{name}")

    def queries(self) -> Iterator[Query]:
        """The description, among the ten of its set."""
        for case in self._cases.values():
            among = frozenset(f"{case.folder}/{name}" for name in self._set(case.folder))
            yield Query(texts=(QueryText(case.text, "target"),), only=among, id=case.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """accuracy, accuracy video, accuracy static."""
        for case, ranking in self.judged(pairs, self._cases):
            target = f"{case.folder}/{self._set(case.folder)[case.place]}"
            marks = np.array([name == target for name in ranking.ids], dtype=np.bool_)
            ranks = ranks_from_scores(ranking.scores, marks)
            hit = hit_at(ranks, 1)
            kind = "static" if case.folder.startswith("open-images") else "video"
            self.tally.add("accuracy", case.id, hit)
            self.tally.add(f"accuracy {kind}", case.id, hit)
        return self.percents()

    def _set(self, folder: str) -> list[str]:
        """Ten files of a set, by the number in their name; names that cannot be where some are missing."""
        if folder not in self._sets:
            found: list[str] = []
            for parent in self.pictures.folders:
                place = self.files.root / parent / folder
                if place.is_dir():
                    found = [each.name for each in place.iterdir() if re.search(r"\d+\.\w+$", each.name)]
                    break
            self._sets[folder] = sorted(found, key=_number)
            self._sets[folder] += [f"{LOST}{number}.jpg" for number in range(len(found), 10)]
        return self._sets[folder]

    @cached_property
    def _texts(self) -> dict[str, Any]:
        name = f"{self.split}_data.json"
        found: dict[str, Any] = self.files.json(dict, name, f"data/{name}")
        return found

    @cached_property
    def _sets(self) -> dict[str, list[str]]:
        return {}

    @cached_property
    def _cases(self) -> dict[str, _Case]:
        found: dict[str, _Case] = {}
        blanks = lost = 0
        for folder, texts in self._texts.items():
            whole = not any(name.startswith(LOST) for name in self._set(folder))
            for place, text in texts.items() if isinstance(texts, dict) else ():
                if not str(place).isdigit() or int(place) >= len(self._set(folder)):
                    raise LoaderError(
                        f"{self.split}_data.json, {folder}: there is no picture {place} of ten.", hint=self.files.hint
                    )
                if not whole:
                    lost += 1
                elif text_of(text):
                    id = f"{folder}/{place}"
                    found[id] = _Case(id, folder, int(place), text_of(text))
                else:
                    blanks += 1
        if blanks:
            self.files.note(f"{blanks} queries left out: their text is blank.")
        if lost:
            self.files.note(f"{lost} queries left out: their set has not ten pictures, so the places are unknown.")
        self.files.count(f"{self.split} queries", len(found))
        return found


def _number(name: str) -> int:
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else 0

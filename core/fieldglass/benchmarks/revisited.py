"""Revisited Oxford and Paris (arXiv 1803.11285): buildings, cropped queries, easy, medium and hard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.ground_truth import read_pickle
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import precision_within, trapezoid_ap
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, Ranking

__all__ = ["ROxford", "RParis"]

SETTINGS = {  # name -> (what counts, what is ignored)
    "E": (("easy",), ("junk", "hard")),
    "M": (("easy", "hard"), ("junk",)),
    "H": (("hard",), ("junk", "easy")),
}


class _Truth(NamedTuple):
    id: str
    box: tuple[float, ...]
    labels: Mapping[str, frozenset[str]]


class _Revisited(Reader):
    """mAP and mP@1, 5, 10 of the three settings; trapezoid AP, junk taken out, queries without positives skipped.

    :param root: gnd_{name}.pkl (read as plain data only) and jpg/.
    :param distractors: also rank the pictures of revisitop1m.txt, one name a line, in revisitop1m/ below the root.
    """

    file: str
    folders = ("jpg", "images", "revisitop1m/jpg", "revisitop1m", "")
    depth = None

    def __init__(self, *, root: str, distractors: bool = False, images: str = "") -> None:
        super().__init__(root, "", images)
        self.distractors = distractors

    def gallery(self) -> Iterator[Item]:
        """The database, by name."""
        for name in self._ground[0]:
            yield self.item(name, f"{name}.jpg")
        if self.distractors:
            for name in self.files.lines("revisitop1m.txt"):
                yield self.item(f"1m/{name}", name)

    def queries(self) -> Iterator[Query]:
        """The crop of each query picture."""
        for truth in self._ground[1].values():
            item = self.item(f"query/{truth.id}", f"{truth.id}.jpg", locator={"box": list(truth.box)})
            yield Query((QueryImage(item=item),), id=truth.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "mAP E" ... "mP@10 H"."""
        for truth, ranking in self.judged(pairs, self._ground[1]):
            for setting, (right, ignored) in SETTINGS.items():
                positives = frozenset[str]().union(*(truth.labels[label] for label in right))
                junk = frozenset[str]().union(*(truth.labels[label] for label in ignored)) - positives
                ranks = hit_ranks(ranking.ids, positives, junk=junk)
                ap = trapezoid_ap(ranks, len(positives)) if positives else math.nan
                self.tally.add(f"mAP {setting}", truth.id, ap)
                for k in (1, 5, 10):
                    within = precision_within(ranks, k) if positives else math.nan
                    self.tally.add(f"mP@{k} {setting}", truth.id, within)
        return self.percents()

    @cached_property
    def _ground(self) -> tuple[list[str], dict[str, _Truth]]:
        name, content = self.files.bytes(self.file)
        where = str(self.files.root / name)
        found = read_pickle(content, where)
        try:
            images = [str(each) for each in found["imlist"]]
            truths = {}
            for query, row in zip(found["qimlist"], found["gnd"], strict=True):
                labels = {
                    label: frozenset(images[int(place)] for place in row[label]) for label in ("easy", "hard", "junk")
                }
                truths[str(query)] = _Truth(str(query), tuple(float(edge) for edge in row["bbx"]), labels)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise LoaderError(f"{where} is not of the official shape: {error!r}.", hint=self.files.hint) from error
        self.files.count("pictures", len(images))
        self.files.count("queries", len(truths))
        return images, truths


class ROxford(_Revisited):
    """Revisited Oxford: 70 queries, 4 993 pictures."""

    name, file = "roxford5k", "gnd_roxford5k.pkl"


class RParis(_Revisited):
    """Revisited Paris: 70 queries, 6 322 pictures."""

    name, file = "rparis6k", "gnd_rparis6k.pkl"

"""INQUIRE (arXiv 2411.02537): questions of naturalists to five million photographs of iNaturalist 2024."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.gains import ndcg
from fieldglass.evaluation.precision import average_precision, reciprocal_rank
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryText, Ranking

__all__ = ["INQUIRE"]


class INQUIRE(Reader):
    """AP@50, nDCG@50 and MRR of text queries over the whole gallery.

    :param root: inquire/inquire_queries_{split}.csv, inquire/inquire_annotations.csv, inat24/train.json and
        inat24/train/.
    :param split: test (200 queries) or val (50).
    :param images: the folder that the paths of train.json are relative to, below the root.

    Without train.json the annotated pictures alone are ranked, and the result says so.
    """

    name = "inquire"
    folders = ("inat24", "inat24/train", "train", "")
    splits = ("test", "val")

    def __init__(self, *, root: str, split: str = "test", images: str = "") -> None:
        super().__init__(root, split, images)

    def gallery(self) -> Iterator[Item]:
        """Every picture of iNat24; ids are their paths from `train/` on."""
        seen: set[str] = set()
        for name in self._names():
            id = _id(name)
            if id not in seen:
                seen.add(id)
                yield self.item(id, id)

    def _names(self) -> Iterator[str]:
        where = ("inat24/train.json", "train.json")
        try:
            path = self.files.find(*where)
        except LoaderError:
            self.files.note("There is no train.json: the annotated pictures alone are ranked.")
            yield from sorted(frozenset().union(*self._answers.values()))
            return
        for number, row in enumerate(self.files.json(dict, *where).get("images", [])):
            if not isinstance(row, dict) or "file_name" not in row:
                raise LoaderError(f"{path}, image {number}: no 'file_name'.", hint=self.files.hint)
            yield str(row["file_name"])

    def queries(self) -> Iterator[Query]:
        """The question."""
        for id, text in self._asked.items():
            yield Query(texts=(QueryText(text, "target"),), id=id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """AP@50, nDCG@50, MRR; positives that were not retrieved count as placed last."""
        known = {id: id for id in self._asked}
        for id, ranking in self.judged(pairs, known):
            answers = self._answers.get(id, frozenset())
            ranks = hit_ranks(ranking.ids[:50], answers)
            gains = np.zeros(min(50, len(ranking.ids)))
            gains[ranks] = 1.0
            self.tally.add("AP@50", id, average_precision(ranks, len(answers), 50))
            self.tally.add("nDCG@50", id, ndcg(gains, np.ones(len(answers)), 50))
            self.tally.add("MRR", id, reciprocal_rank(ranks))
        return self.percents()

    def answers(self) -> None:
        """The annotations; a question without any is told."""
        lacking = len(self._asked.keys() - self._answers.keys())
        if lacking:
            self.files.note(f"{lacking} queries have no annotated picture.")

    @cached_property
    def _asked(self) -> dict[str, str]:
        name = f"inquire_queries_{self.split}.csv"
        rows = self.files.records(f"inquire/{name}", f"data/inquire/{name}", required=("query_id", "query_text"))
        self.files.count(f"{self.split} queries", len(rows))
        rows = self.files.kept(rows, key=lambda row: row["query_id"], blank=lambda row: not text_of(row["query_text"]))
        return {row["query_id"]: text_of(row["query_text"]) for row in rows}

    @cached_property
    def _answers(self) -> dict[str, frozenset[str]]:
        rows = self.files.records("inquire/inquire_annotations.csv", required=("query_id", "image_path"))
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(row["query_id"], set()).add(_id(row["image_path"]))
        return {query: frozenset(paths) for query, paths in found.items()}


def _id(path: str) -> str:
    """The path below `train/`, as train.json and the annotations write it differently."""
    return path.removeprefix("inat24/").removeprefix("train/")

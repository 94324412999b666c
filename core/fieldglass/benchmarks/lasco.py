"""LaSCo (arXiv 2303.09429): large-scale composed retrieval on COCO, made from visual question answering."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["LaSCo"]

KS = (1, 5, 10, 50, 100, 500, 1000)


class _Pair(NamedTuple):
    id: str
    reference: str
    text: str
    target: str


class LaSCo(Reader):
    """R@1 to R@1000 on the one target.

    :param root: lasco_{split}.json, lasco_{split}_corpus.json and the pictures of COCO 2014.
    :param keep_reference: leave the reference among the hits; papers differ, so say which was used.
    :param images: the folder that the paths are relative to, below the root.
    """

    name = "lasco"
    folders = ("", "images", "coco")
    splits = ("val", "train")
    depth = max(KS)

    def __init__(self, *, root: str, split: str = "val", keep_reference: bool = False, images: str = "") -> None:
        super().__init__(root, split, images)
        self.keep_reference = keep_reference

    def gallery(self) -> Iterator[Item]:
        """The corpus of the split."""
        for id, path in self._corpus.items():
            yield self.item(id, path)

    def queries(self) -> Iterator[Query]:
        """The query image and its text."""
        for pair in self._pairs.values():
            gone = frozenset() if self.keep_reference else frozenset([pair.reference])
            yield Query((QueryImage(pair.reference),), (QueryText(pair.text),), exclude=gone, id=pair.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k."""
        for pair, ranking in self.judged(pairs, self._pairs):
            ranks = hit_ranks(ranking.ids, {pair.target})
            for k in KS:
                self.tally.add(f"R@{k}", pair.id, hit_at(ranks, k))
        return self.percents()

    @cached_property
    def _corpus(self) -> dict[str, str]:
        rows = self.files.rows(f"lasco_{self.split}_corpus.json", required={"id": (int, str), "path": str})
        self.files.count(f"{self.split} pictures", len(rows))
        return {str(row["id"]): row["path"] for row in rows}

    @cached_property
    def _pairs(self) -> dict[str, _Pair]:
        file = f"lasco_{self.split}.json"
        rows = self.files.rows(
            file,
            required={"qid": (int, str), "query-image": list, "query-text": str, "target-image": list},
        )
        rows = self.files.kept(rows, key=lambda row: row["qid"], blank=lambda row: not text_of(row["query-text"]))
        found = {}
        for row in rows:
            ends = row["query-image"][:1], row["target-image"][:1]
            reference, target = (str(*end) for end in ends)
            unknown = {reference, target} - self._corpus.keys()
            if unknown:
                raise LoaderError(
                    f"{self.files.find(file)}, query {row['qid']}: {sorted(unknown)[0]!r} is not in the corpus.",
                    hint=self.files.hint,
                )
            found[str(row["qid"])] = _Pair(str(row["qid"]), reference, text_of(row["query-text"]), target)
        return found

"""ILIAS (arXiv 2502.11748): particular objects among up to 100 million distractors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.precision import average_precision
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["ILIAS"]


class ILIAS(Reader):
    """mAP@1000, by pictures or by texts.

    :param root: image_ids/ with image_query_ids.txt, text_query_ids.txt, positive_ids.txt and perhaps
        distractor_ids.txt or .txt.gz, and the pictures under their ids.
    :param queries: "image" or "text"; the text of a text query is in the file of its id (.txt).
    :param images: the folder that ids are relative to, below the root.

    The first folder of an id names the object. Without a list of distractors the positives alone are ranked, and
    the result says so.
    """

    name = "ilias"
    folders = ("", "images", "ilias_core", "ilias_distractors")
    depth = 1000

    def __init__(self, *, root: str, queries: Literal["image", "text"] = "image", images: str = "") -> None:
        super().__init__(root, "", images)
        if queries not in ("image", "text"):
            raise UsageError(f"ilias: queries is 'image' or 'text', not {queries!r}.")
        self.kind = queries

    def gallery(self) -> Iterator[Item]:
        """Positives of all objects, then distractors."""
        for id in self._positives:
            yield self.item(id, id)
        try:
            distractors = self.files.lines("image_ids/distractor_ids.txt", "image_ids/distractor_ids.txt.gz")
        except LoaderError:
            self.files.note("There is no list of distractors: the positives alone are ranked.")
            return
        for id in dict.fromkeys(line.split(",")[0] for line in distractors):
            if id not in self._positives:
                yield self.item(id, id)

    def queries(self) -> Iterator[Query]:
        """A picture of the object, or its description."""
        for id in self._asked:
            if self.kind == "image":
                yield Query((QueryImage(item=self.item(f"query/{id}", id)),), id=id)
            else:
                text = " ".join(self.files.lines(*(f"{folder}/{id}.txt".lstrip("/") for folder in self.folders)))
                yield Query(texts=(QueryText(text, "target"),), id=id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """mAP@1000; a query without a hit has 0."""
        for id, ranking in self.judged(pairs, self._asked):
            answers = self._answers.get(id.split("/")[0], frozenset())
            value = average_precision(hit_ranks(ranking.ids, answers), len(answers), 1000)
            self.tally.add("mAP@1000", id, value)
        return self.percents()

    @cached_property
    def _positives(self) -> dict[str, None]:
        found = dict.fromkeys(line.split(",")[0].strip() for line in self.files.lines("image_ids/positive_ids.txt"))
        self.files.count("positives", len(found))
        return found

    @cached_property
    def _asked(self) -> dict[str, str]:
        lines = self.files.lines(f"image_ids/{self.kind}_query_ids.txt")
        found = {id: id for id in (line.split(",")[0].strip() for line in lines)}
        self.files.count(f"{self.kind} queries", len(found))
        return found

    @cached_property
    def _answers(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for id in self._positives:
            found.setdefault(id.split("/")[0], set()).add(id)
        return {name: frozenset(ids) for name, ids in found.items()}

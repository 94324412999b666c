"""CIRCO (arXiv 2303.15247): COCO's unlabeled pictures, several right answers a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.evaluation.precision import average_precision, hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["CIRCO"]

KS = (5, 10, 25, 50)


class _Truth(NamedTuple):
    id: str
    reference: str
    caption: str
    target: str | None
    answers: frozenset[str]
    aspects: tuple[str, ...]


class CIRCO(Reader):
    """mAP@5, 10, 25, 50 over all right answers, R@k on the one target, mAP@10 by semantic aspect.

    :param root: annotations/{split}.json, annotations/image_info_unlabeled2017.json and unlabeled2017/.
    :param split: val, or test, whose answers are hidden: `judge` then gives the file for the server.
    :param images: the folder of the pictures, below the root.

    The reference stays in the gallery: it is never an answer.
    """

    name = "circo"
    folders = ("unlabeled2017", "COCO2017_unlabeled/unlabeled2017", "images", "")
    splits = ("val", "test")

    def __init__(self, *, root: str, split: str = "val", images: str = "") -> None:
        super().__init__(root, split, images)

    def gallery(self) -> Iterator[Item]:
        """The pictures of COCO 2017 unlabeled, by their number."""
        for id, file in self._pictures.items():
            yield self.item(id, file)

    def queries(self) -> Iterator[Query]:
        """The reference and the relative caption."""
        for truth in self._truths.values():
            yield Query((QueryImage(truth.reference),), (QueryText(truth.caption),), id=truth.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """Metrics; for the hidden split {"circo_test.json": {query: 50 numbers}}."""
        hidden: dict[str, list[int]] = {}
        for truth, ranking in self.judged(pairs, self._truths):
            if truth.target is None:
                hidden[truth.id] = [int(name) for name in ranking.ids[:50]]
                continue
            ranks = hit_ranks(ranking.ids, truth.answers)
            single = hit_ranks(ranking.ids, {truth.target})
            for k in KS:
                self.tally.add(f"mAP@{k}", truth.id, average_precision(ranks, len(truth.answers), k))
            for k in KS:
                self.tally.add(f"R@{k}", truth.id, hit_at(single, k))
            for aspect in truth.aspects:
                self.tally.add(f"mAP@10 {aspect}", truth.id, average_precision(ranks, len(truth.answers), 10))
        return {f"circo_{self.split}.json": hidden} if hidden else self.percents()

    @cached_property
    def _pictures(self) -> dict[str, str]:
        found = self.files.json(dict, "annotations/image_info_unlabeled2017.json").get("images", [])
        self.files.count("pictures", len(found))
        return {str(int(row["id"])): str(row["file_name"]) for row in found}

    @cached_property
    def _truths(self) -> dict[str, _Truth]:
        hidden = self.split == "test"
        required: dict[str, type] = {"id": int, "reference_img_id": int, "relative_caption": str}
        if not hidden:
            required |= {"target_img_id": int, "gt_img_ids": list}
        known = ("shared_concept", "semantic_aspects", "target_img_id", "gt_img_ids")
        rows = self.files.rows(f"annotations/{self.split}.json", required=required, known=known)
        self.files.count(f"{self.split} queries", len(rows))
        rows = self.files.kept(rows, key=lambda row: row["id"], blank=lambda row: not text_of(row["relative_caption"]))
        return {
            str(row["id"]): _Truth(
                str(row["id"]),
                str(row["reference_img_id"]),
                text_of(row["relative_caption"]),
                None if hidden else str(row["target_img_id"]),
                frozenset(map(str, row.get("gt_img_ids", ()))),
                tuple(row.get("semantic_aspects", ())),
            )
            for row in rows
        }

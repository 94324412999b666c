"""GeneCIS (arXiv 2306.07969): focus on, or change, an attribute or an object, in a gallery of 10 or 15 a query."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import ranks_from_scores
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["GeneCIS"]

TASKS = ("focus_attribute", "change_attribute", "focus_object", "change_object")
DILATION = 0.7


class _Case(NamedTuple):
    id: str
    task: str
    reference: str
    target: str
    gallery: tuple[str, ...]
    condition: str


class GeneCIS(Reader):
    """R@1, 2, 3 of each task, and the mean R@1 over the tasks.

    :param root: genecis/{task}.json, val2017/ of COCO for the object tasks, VG_100K/ of Visual Genome for the others.
    :param task: focus_attribute, change_attribute, focus_object, change_object, or all.
    :param images: the folder of the pictures, below the root.

    The target is the first of each official gallery, so equal scores count against it. Pictures of the attribute
    tasks are the box grown by 0.7 and padded to a square with black. Galleries of another size than most are left
    out, as the official code does.
    """

    name = "genecis"
    folders = ("val2017", "VG_100K", "VG_100K_all", "VG_100K_2", "images", "")
    depth = 20
    calibrate = "all"

    def __init__(self, *, root: str, task: str = "all", images: str = "") -> None:
        super().__init__(root, "", images)
        if task not in (*TASKS, "all"):
            raise UsageError(f"genecis has no task {task!r}.", hint=f"Tasks: {', '.join(TASKS)}, all.")
        self.tasks = TASKS if task == "all" else (task,)

    def gallery(self) -> Iterator[Item]:
        """Every picture or crop that some query shows or ranks, once."""
        yield from self._read[1].values()

    def queries(self) -> Iterator[Query]:
        """The reference and the condition, among the query's own gallery."""
        for case in self._read[0].values():
            yield Query(
                (QueryImage(case.reference),),
                (QueryText(case.condition, "attribute"),),
                only=frozenset((case.target, *case.gallery)),
                id=case.id,
            )

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "{task} R@k", and "R@1", the mean over the tasks."""
        for case, ranking in self.judged(pairs, self._read[0]):
            marks = np.array([name == case.target for name in ranking.ids], dtype=np.bool_)
            ranks = ranks_from_scores(ranking.scores, marks)
            for k in (1, 2, 3):
                self.tally.add(f"{case.task} R@{k}", case.id, hit_at(ranks, k))
        found = self.percents()
        firsts = [value for name, value in found.items() if name.endswith("R@1")]
        return {**found, "R@1": sum(firsts) / len(firsts) if firsts else 0.0}

    @cached_property
    def _read(self) -> tuple[dict[str, _Case], dict[str, Item]]:
        cases: dict[str, _Case] = {}
        items: dict[str, Item] = {}
        for task in self.tasks:
            path = f"genecis/{task}.json"
            rows = self.files.rows(
                path, required={"reference": dict, "target": dict, "gallery": list, "condition": str}
            )
            self.files.count(f"{task} queries", len(rows))
            sizes = Counter(len(row["gallery"]) for row in rows)
            usual = sizes.most_common(1)[0][0] if sizes else 0
            odd = len(rows) - sizes[usual]
            if odd:
                self.files.note(f"{odd} queries of {task} left out: their gallery is not of {usual + 1}.")
            usable = self.files.kept(
                [(number, row) for number, row in enumerate(rows) if len(row["gallery"]) == usual],
                key=lambda each: json.dumps(each[1], sort_keys=True),
                blank=lambda each: not text_of(each[1]["condition"]),
            )
            for number, row in usable:
                try:
                    shown = [self._item(each) for each in (row["reference"], row["target"], *row["gallery"])]
                except (KeyError, TypeError, ValueError) as error:
                    raise LoaderError(
                        f"{self.files.find(path)}, row {number}: a picture without {error}.", hint=self.files.hint
                    ) from error
                items |= {item.id: item for item in shown}
                reference, target, *gallery = (item.id for item in shown)
                rest = tuple(name for name in gallery if name != target)
                id = f"{task}-{number}"
                cases[id] = _Case(id, task, reference, target, rest, text_of(row["condition"]))
        return cases, items

    def _item(self, row: Mapping[str, Any]) -> Item:
        """An object task names a picture of COCO, an attribute task a picture of Visual Genome and a box x, y, w, h."""
        if "instance_bbox" not in row:
            number = int(row["val_image_id"])
            return self.item(f"coco/{number}", f"{number:012d}.jpg")
        number, (x, y, w, h) = int(row["image_id"]), map(float, row["instance_bbox"])
        locator = {"box": [x, y, x + w, y + h], "dilate": DILATION, "square": True}
        return self.item(f"vg/{number}#{x:g},{y:g},{w:g},{h:g}", f"{number}.jpg", locator=locator)

"""CIRR (arXiv 2108.04024): pairs of real photographs, within groups of six that look alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.training.triplets import Triplet
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["CIRR"]


class _Pair(NamedTuple):
    reference: str
    target: str | None
    caption: str
    members: tuple[str, ...]


class CIRR(Reader):
    """R@1, 5, 10, 50 on the hard target without the reference; Rs@1, 2, 3 among the other five of its group.

    :param root: captions/cap.rc2.{split}.json, image_splits/split.rc2.{split}.json and the pictures of NLVR2.
    :param split: val, or test1, whose targets are hidden: `judge` then gives the two files for the server.
    :param images: the folder that the paths of the split file are relative to, below the root.
    """

    name = "cirr"
    folders = ("img_raw", "images", "")
    splits = ("val", "test1", "train")
    depth = None  # the six of a group may stand anywhere

    def __init__(self, *, root: str, split: str = "val", images: str = "") -> None:
        super().__init__(root, split, images)

    def gallery(self) -> Iterator[Item]:
        """The pictures of the split."""
        for name, path in self._paths.items():
            yield self.item(name, path)

    def queries(self) -> Iterator[Query]:
        """The reference and the caption; the reference is no hit."""
        for id, pair in self._pairs.items():
            yield Query(
                (QueryImage(pair.reference),),
                (QueryText(pair.caption),),
                exclude=frozenset([pair.reference]),
                id=id,
            )

    def triplets(self) -> Iterator[Triplet]:
        """What `fieldglass train` learns from; none where the targets are hidden."""
        for pair in self._pairs.values():
            if pair.target is not None:
                yield Triplet(pair.reference, (pair.caption,), pair.target)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k, Rs@k and Avg = (R@5 + Rs@1) / 2; for a hidden split the official submission files."""
        whole: dict[str, Any] = {"version": "rc2", "metric": "recall"}
        group: dict[str, Any] = {"version": "rc2", "metric": "recall_subset"}
        ids = {id(pair): name for name, pair in self._pairs.items()}
        for pair, ranking in self.judged(pairs, self._pairs):
            query = ids[id(pair)]
            order = [name for name in ranking.ids if name != pair.reference]
            others = set(pair.members) - {pair.reference}
            among = [name for name in order if name in others]
            if pair.target is None:
                whole[query], group[query] = order[:50], among[:3]
                continue
            for k in (1, 5, 10, 50):
                self.tally.add(f"R@{k}", query, hit_at(hit_ranks(order, {pair.target}), k))
            for k in (1, 2, 3):
                self.tally.add(f"Rs@{k}", query, hit_at(hit_ranks(among, {pair.target}), k))
        if len(whole) > 2:
            return {f"cirr_{self.split}_recall.json": whole, f"cirr_{self.split}_recall_subset.json": group}
        found = self.percents("R@1", "R@5", "R@10", "R@50", "Rs@1", "Rs@2", "Rs@3")
        return {**found, "Avg": (found["R@5"] + found["Rs@1"]) / 2}

    @cached_property
    def _paths(self) -> dict[str, str]:
        found = self.files.json(dict, f"image_splits/split.rc2.{self.split}.json")
        self.files.count(f"{self.split} pictures", len(found))
        return {str(name): str(path) for name, path in found.items()}

    @cached_property
    def _pairs(self) -> dict[str, _Pair]:
        path = f"captions/cap.rc2.{self.split}.json"
        rows = self.files.rows(
            path,
            required={"pairid": int, "reference": str, "caption": str, "img_set": dict},
            known=("target_hard", "target_soft"),
        )
        self.files.count(f"{self.split} queries", len(rows))
        rows = self.files.kept(rows, key=lambda row: row["pairid"], blank=lambda row: not text_of(row["caption"]))
        found = {}
        for row in rows:
            members = row["img_set"].get("members")
            named = {row["reference"], *(members or ()), row.get("target_hard", row["reference"])}
            unknown = named - self._paths.keys()
            if not isinstance(members, list) or unknown:
                what = f"{sorted(unknown)[0]!r} is not in the split file" if unknown else "no members in img_set"
                raise LoaderError(f"{self.files.find(path)}, pair {row['pairid']}: {what}.", hint=self.files.hint)
            found[str(row["pairid"])] = _Pair(
                row["reference"], row.get("target_hard"), text_of(row["caption"]), tuple(members)
            )
        return found

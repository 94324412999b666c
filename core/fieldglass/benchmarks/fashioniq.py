"""FashionIQ (arXiv 1905.12794): dresses, shirts and tops, each with its own gallery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import UsageError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.training.triplets import Triplet
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["FashionIQ"]

CATEGORIES = ("dress", "shirt", "toptee")


class _Pair(NamedTuple):
    id: str
    category: str
    reference: str
    target: str
    captions: tuple[str, ...]


class FashionIQ(Reader):
    """R@10 and R@50 per category and their means over the three.

    :param root: captions/cap.{category}.{split}.json, image_splits/split.{category}.{split}.json and images/.
    :param split: val or train.
    :param gallery: "original" is the split file; "val" the images that occur in this split's annotations, whose
        values are clearly higher (VAL, ECCV 2020) and in which the reference is removed. Never mix the two.
    :param category: dress, shirt, toptee, or all.
    :param images: the folder of the pictures, below the root.

    The reference stays in the original gallery. The text is "caption 1 and caption 2".
    """

    name = "fashioniq"
    folders = ("images", "resized_image", "")
    splits = ("val", "train")
    calibrate = "matches"

    def __init__(
        self,
        *,
        root: str,
        split: str = "val",
        gallery: Literal["original", "val"] = "original",
        category: str = "all",
        images: str = "",
    ) -> None:
        super().__init__(root, split, images)
        if gallery not in ("original", "val"):
            raise UsageError(f"fashioniq: gallery is 'original' or 'val', not {gallery!r}.")
        if category not in (*CATEGORIES, "all"):
            raise UsageError(f"fashioniq: there is no category {category!r}.", hint=f"{', '.join(CATEGORIES)}, or all.")
        self.kind = gallery
        self.categories = CATEGORIES if category == "all" else (category,)

    def gallery(self) -> Iterator[Item]:
        """Ids are "category/picture": 121 shirts are also tops."""
        for category in self.categories:
            for name in self._names[category]:
                yield self.item(f"{category}/{name}", name, metadata={"category": category})

    def queries(self) -> Iterator[Query]:
        """The reference, and "caption 1 and caption 2", within the category."""
        for pair in self._pairs.values():
            reference = f"{pair.category}/{pair.reference}"
            yield Query(
                (QueryImage(reference),),
                (QueryText(" and ".join(pair.captions)),),
                exclude=frozenset([reference]) if self.kind == "val" else frozenset(),
                where=f"category = '{pair.category}'" if len(self.categories) > 1 else None,
                id=pair.id,
            )

    def triplets(self) -> Iterator[Triplet]:
        """What `fieldglass train` learns from: both captions of each pair, within its category."""
        for pair in self._pairs.values():
            reference, target = (f"{pair.category}/{name}" for name in (pair.reference, pair.target))
            yield Triplet(reference, pair.captions, target, pair.category)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """dress R@10 ... toptee R@50, R@10, R@50 (means of the three), mean of both."""
        for pair, ranking in self.judged(pairs, self._pairs):
            ranks = hit_ranks(ranking.ids, {f"{pair.category}/{pair.target}"})
            for k in (10, 50):
                self.tally.add(f"{pair.category} R@{k}", pair.id, hit_at(ranks, k))
        found = self.percents(*(f"{category} R@{k}" for category in self.categories for k in (10, 50)))
        for k in (10, 50):
            found[f"R@{k}"] = sum(found[f"{each} R@{k}"] for each in self.categories) / len(self.categories)
        return {**found, "mean": (found["R@10"] + found["R@50"]) / 2}

    def _rows(self, category: str) -> list[dict[str, Any]]:
        """The annotations of a category: `candidate`, `target`, `captions`."""
        file = f"captions/cap.{category}.{self.split}.json"
        return self.files.rows(file, required={"target": str, "candidate": str, "captions": list})

    @cached_property
    def _pairs(self) -> dict[str, _Pair]:
        found: dict[str, _Pair] = {}
        for category in self.categories:
            rows = self._rows(category)
            self.files.count(f"{self.split} {category} queries", len(rows))
            rows = self.files.kept(
                rows,
                key=lambda row: (row["candidate"], row["target"], *map(str, row["captions"])),
                blank=lambda row: not any(text_of(each) for each in row["captions"]),
            )
            for number, row in enumerate(rows):
                captions = tuple(text for text in map(text_of, row["captions"]) if text)
                pair = _Pair(f"{category}-{number}", category, row["candidate"], row["target"], captions)
                found[pair.id] = pair
        return found

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for category in self.categories:
            used = [pair for pair in self._pairs.values() if pair.category == category]
            named = dict.fromkeys(name for pair in used for name in (pair.reference, pair.target))
            if self.kind == "original":
                path = f"image_splits/split.{category}.{self.split}.json"
                listed = dict.fromkeys(map(str, self.files.json(list, path)))
                beyond = [name for name in named if name not in listed]
                if beyond:
                    self.files.note(f"{len(beyond)} pictures of {category} queries are not in its split file.")
                named = listed | dict.fromkeys(beyond)
            found[category] = list(named)
            self.files.count(f"{self.split} {category} {self.kind} gallery", len(named))
        return found

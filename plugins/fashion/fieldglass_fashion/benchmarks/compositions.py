"""What the readers of composed queries share: a reference, what to change, one target, perhaps by category."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.reader import Reader
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.training.triplets import Triplet, worded
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["Asked", "Compositions", "by_name"]


class Asked(NamedTuple):
    """One query: names of pictures, and the sentences of the change."""

    id: str
    category: str
    reference: str
    target: str
    texts: tuple[str, ...]


class Compositions(Reader):
    """R@k of the one target, within its category where there are several; their means over the categories.

    A reader gives `asked` and `names`. `keep_reference` leaves the reference among the hits. Ids are
    "category/picture", or the picture alone where there is one category named "".
    """

    ks: tuple[int, ...] = (10, 50)
    keep_reference = False
    calibrate = "matches"

    @property
    def asked(self) -> Mapping[str, Asked]:
        """The queries by id."""
        raise NotImplementedError

    @property
    def names(self) -> Mapping[str, Sequence[str]]:
        """The pictures of each category."""
        raise NotImplementedError

    def path(self, name: str) -> str:
        """Where a picture should lie, below the root; looked up among the folders."""
        return name

    def gallery(self) -> Iterator[Item]:
        """The pictures of every category."""
        for category, names in self.names.items():
            more = {"metadata": {"category": category}} if category else {}
            for name in names:
                yield self.item(self.id_of(category, name), self.path(name), **more)

    def queries(self) -> Iterator[Query]:
        """The reference and the sentences, joined by "and"."""
        for each in self.asked.values():
            reference = self.id_of(each.category, each.reference)
            yield Query(
                (QueryImage(reference),),
                (QueryText(self.sentence(each.texts)),),
                exclude=frozenset() if self.keep_reference else frozenset([reference]),
                where=f"category = '{each.category}'" if len(self.names) > 1 else None,
                id=each.id,
            )

    def triplets(self) -> Iterator[Triplet]:
        """What `fieldglass train` learns from."""
        for each in self.asked.values():
            reference, target = (self.id_of(each.category, name) for name in (each.reference, each.target))
            yield Triplet(reference, each.texts, target, each.category)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k; with categories "dress R@10" ... and the means over them."""
        for each, ranking in self.judged(pairs, self.asked):
            ranks = hit_ranks(ranking.ids, {self.id_of(each.category, each.target)})
            for k in self.ks:
                self.tally.add(f"{each.category} R@{k}".strip(), each.id, hit_at(ranks, k))
        found = self.percents()
        for k in self.ks:
            parts = [found[f"{category} R@{k}"] for category in self.names if f"{category} R@{k}" in found]
            if parts:
                found[f"R@{k}"] = sum(parts) / len(parts)
        return found

    def sentence(self, texts: Sequence[str]) -> str:
        """How the sentences of a query become one."""
        return worded(texts)

    @staticmethod
    def id_of(category: str, name: str) -> str:
        """The id of a picture."""
        return f"{category}/{name}" if category else name

    @cached_property
    def lying(self) -> Mapping[str, str]:
        """File name without suffix -> path below the root, for collections that are unpacked in many ways."""
        return by_name(str(self.files.root))


def by_name(root: str) -> dict[str, str]:
    """Pictures below a folder by their name without suffix; of two with one name the first in order."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
                path = os.path.relpath(os.path.join(folder, name), root)
                found.setdefault(stem, path.replace(os.sep, "/"))
    return found

"""XTD10 (arXiv 2012.05107): 1 000 pictures of COCO, each with one sentence in many languages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryText, Ranking

__all__ = ["XTD10"]


class XTD10(Reader):
    """R@1, R@5 and R@10 from text to picture, of one language.

    :param root: test_image_names.txt, test_1kcaptions_{language}.txt, line by line the same, and the pictures.
    :param language: en, es, it, ko, pl, ru, tr, zh, or another whose file is there.
    :param images: the folder of the pictures, below the root.
    """

    name = "xtd10"
    folders = ("train2014", "val2014", "images", "")

    def __init__(self, *, root: str, language: str = "en", images: str = "") -> None:
        super().__init__(root, "", images)
        self.language = language

    def gallery(self) -> Iterator[Item]:
        """The pictures by file name."""
        for name in dict.fromkeys(self._names):
            yield self.item(name, name)

    def queries(self) -> Iterator[Query]:
        """One sentence a picture."""
        for id, (_, text) in self._pairs.items():
            yield Query(texts=(QueryText(text, "target"),), id=id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k."""
        targets = {id: (id, name) for id, (name, _) in self._pairs.items()}
        for (id, name), ranking in self.judged(pairs, targets):
            ranks = hit_ranks(ranking.ids, {name})
            for k in (1, 5, 10):
                self.tally.add(f"R@{k}", id, hit_at(ranks, k))
        return self.percents()

    @cached_property
    def _names(self) -> list[str]:
        found = self.files.lines("XTD10/test_image_names.txt")
        self.files.count("pictures", len(found))
        return found

    @cached_property
    def _pairs(self) -> dict[str, tuple[str, str]]:
        name, content = self.files.text(f"XTD10/test_1kcaptions_{self.language}.txt")
        lines = content.rstrip("\n").split("\n")
        if len(lines) != len(self._names):
            raise LoaderError(
                f"{self.files.root / name} has {len(lines)} lines for {len(self._names)} pictures: it is cut short.",
                hint=self.files.hint,
            )
        rows = list(enumerate(zip(self._names, map(text_of, lines), strict=True)))
        rows = self.files.kept(rows, key=lambda row: row[0], blank=lambda row: not row[1][1])
        return {str(number): pair for number, pair in rows}

"""DeepFashion In-Shop: a picture of a garment, and the others of the same garment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, Ranking

__all__ = ["InShop"]

KS = (1, 10, 20, 30, 40, 50)
_FILE = "Eval/list_eval_partition.txt"


class InShop(Reader):
    """R@k: a hit where one of the first k pictures shows the same garment. Queries are no part of the gallery.

    :param root: Eval/list_eval_partition.txt and img/.
    :param images: the folder that paths like img/WOMEN/... are relative to, below the root.
    """

    name = "fashion/inshop"
    folders = ("", "Img")

    def __init__(self, *, root: str, images: str = "") -> None:
        super().__init__(root, "", images)

    def gallery(self) -> Iterator[Item]:
        """The pictures of the gallery; their garment is the group `product`."""
        for path, garment in self._parts["gallery"].items():
            yield self.item(path, path, groups={"product": garment})

    def queries(self) -> Iterator[Query]:
        """The pictures that ask."""
        for path in self._parts["query"]:
            yield Query((QueryImage(item=self.item(path, path)),), id=path)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k."""
        garments: dict[str, set[str]] = {}
        for path, garment in self._parts["gallery"].items():
            garments.setdefault(garment, set()).add(path)
        known = {path: (path, garment) for path, garment in self._parts["query"].items()}
        for (path, garment), ranking in self.judged(pairs, known):
            ranks = hit_ranks(ranking.ids, garments.get(garment, set()))
            for k in KS:
                self.tally.add(f"R@{k}", path, hit_at(ranks, k))
        return self.percents()

    @cached_property
    def _parts(self) -> dict[str, dict[str, str]]:
        """Path -> garment, by train, query and gallery."""
        lines = self.files.lines(_FILE)
        found: dict[str, dict[str, str]] = {"train": {}, "query": {}, "gallery": {}}
        for number, line in enumerate(lines[2:], 3):
            cells = line.split()
            if len(cells) != 3 or cells[2] not in found:
                raise LoaderError(f"{_FILE}, line {number}: {line[:80]!r}.", hint=self.files.hint)
            found[cells[2]][cells[0]] = cells[1]
        if not lines or not lines[0].isdigit() or int(lines[0]) != len(lines) - 2:
            self.files.note(f"{_FILE} says {lines[0] if lines else 'nothing'}, and lists {max(len(lines) - 2, 0)}.")
        for part, rows in found.items():
            self.files.count(f"{part} pictures", len(rows))
        return found

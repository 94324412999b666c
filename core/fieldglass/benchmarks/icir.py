"""i-CIR (arXiv 2510.25387): one particular object, changed by a text, among hard negatives of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.evaluation.precision import trapezoid_ap
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["ICIR"]


class _Line(NamedTuple):
    id: str
    path: str
    text: str
    instance: str


class ICIR(Reader):
    """mAP over queries and mmAP, the mean over instances of their means; say which.

    :param root: query_files.csv and database_files.csv, lines "path,text,instance", and the pictures.
    :param images: the folder that the paths are relative to, below the root.

    A hit is right where both the instance and the text are the query's. Each instance is its own database.
    """

    name = "icir"
    folders = ("", "images", "data", "data/icir", "icir")
    depth = None
    calibrate = "matches"

    def __init__(self, *, root: str, images: str = "") -> None:
        super().__init__(root, "", images)

    def gallery(self) -> Iterator[Item]:
        """All databases; the column `instance` tells them apart."""
        for line in self._database.values():
            yield self.item(line.id, line.path, metadata={"instance": f"i {line.instance}"})

    def queries(self) -> Iterator[Query]:
        """A picture that is not in the database, and a text."""
        for line in self._asked.values():
            shown = QueryImage(item=self.item(line.path, line.path))
            instance = line.instance.replace("'", "''")
            yield Query((shown,), (QueryText(line.text),), where=f"instance = 'i {instance}'", id=line.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """mAP, mmAP."""
        by_instance: dict[str, list[float]] = {}
        for line, ranking in self.judged(pairs, self._asked):
            answers = self._answers.get((line.instance, line.text), frozenset())
            value = trapezoid_ap(hit_ranks(ranking.ids, answers), len(answers), epsilon=1e-5)
            self.tally.add("mAP", line.id, value)
            by_instance.setdefault(line.instance, []).append(value)
        means = [sum(values) / len(values) for values in by_instance.values()]
        return {**self.percents("mAP"), "mmAP": 100 * sum(means) / len(means) if means else 0.0}

    def _lines(self, name: str) -> dict[str, _Line]:
        found: dict[str, _Line] = {}
        rows = self.files.table(name, columns=3)
        distinct = list(dict.fromkeys(map(tuple, rows)))
        if len(distinct) < len(rows):
            self.files.note(f"{len(rows) - len(distinct)} lines of {name} left out: they are there twice.")
        for path, *text, instance in distinct:
            id = path if path not in found else f"{path}#{len(found)}"
            found[id] = _Line(id, path, text_of(",".join(text)), instance)
        self.files.count(f"lines in {name}", len(found))
        return found

    @cached_property
    def _database(self) -> dict[str, _Line]:
        return self._lines("database_files.csv")

    @cached_property
    def _asked(self) -> dict[str, _Line]:
        return self._lines("query_files.csv")

    @cached_property
    def _answers(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for line in self._database.values():
            found.setdefault((line.instance, line.text), set()).add(line.id)
        return {key: frozenset(ids) for key, ids in found.items()}

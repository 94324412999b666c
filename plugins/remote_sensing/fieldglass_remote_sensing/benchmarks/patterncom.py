"""PatternCom (arXiv 2405.15587): an aerial picture, and another value of one of its attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import average_precision, precision_at, recall_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["ATTRIBUTES", "PatternCom"]

ATTRIBUTES = ("color", "context", "density", "existence", "quantity", "shape")
AT = (5, 10, 15, 20)
_TOGETHER: Mapping[str, Mapping[str, str]] = {  # classes that an attribute treats as one
    "density": {"denseresidential": "residential", "sparseresidential": "residential"},
    "shape": {"closedroad": "road", "intersection": "road"},
    "context": {"bridge": "roadpass", "overpass": "roadpass"},
    "existence": {"ferryterminal": "pier", "harbor": "pier", "parkingspace": "parking", "parkinglot": "parking"},
}
_ANY = {kind: merged for names in _TOGETHER.values() for kind, merged in names.items()}


class _Case(NamedTuple):
    id: str
    attribute: str
    picture: str
    value: str
    kind: str  # merged class of the picture


class PatternCom(Reader):
    """mAP of each attribute and their mean, P@k and R@k for k = 5, 10, 15, 20.

    :param root: PatternCom/{attribute}.csv, patternnet.csv and images/ of PatternNet.
    :param rounding: round the values of each query to 1/100 per cent before the mean, as the authors' script does.
    :param images: the folder that the paths are relative to, below the root.

    A picture is right where the attribute's list gives it the value that was asked for and its class, after merging,
    is that of the query picture. The query picture stays in the gallery; it is never right.
    """

    name = "rs/patterncom"
    folders = ("", "images")
    depth = None

    def __init__(self, *, root: str, rounding: bool = True, images: str = "") -> None:
        super().__init__(root, "", images)
        self.rounding = rounding

    def gallery(self) -> Iterator[Item]:
        """All of PatternNet; ids are file names."""
        for name, path in self._pictures.items():
            yield self.item(name, path)

    def queries(self) -> Iterator[Query]:
        """Each listed picture with every other value that its class has; the text is the bare value."""
        for case in self._cases.values():
            yield Query((QueryImage(case.picture),), (QueryText(case.value, "attribute"),), id=case.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "mAP", the mean over attributes, "mAP {attribute}", and "P@k {attribute}", "R@k {attribute}"."""
        for case, ranking in self.judged(pairs, self._cases):
            answers = self._answers.get((case.attribute, case.value, case.kind), frozenset())
            ranks = hit_ranks(ranking.ids, answers)
            found = {"mAP": average_precision(ranks, len(answers))}
            for k in AT:
                found |= {f"P@{k}": precision_at(ranks, k), f"R@{k}": recall_at(ranks, len(answers), k)}
            for metric, value in found.items():
                kept = round(100 * value, 2) / 100 if self.rounding else value
                self.tally.add(f"{metric} {case.attribute}", case.id, kept)
        means = self.percents()
        every = [means[name] for name in (f"mAP {each}" for each in ATTRIBUTES) if name in means]
        return {"mAP": sum(every) / len(every) if every else 0.0, **means}

    @cached_property
    def _pictures(self) -> dict[str, str]:
        rows = self.files.table("patternnet.csv", columns=1, delimiter=" ")
        found = {PurePosixPath(row[0]).name: row[0] for row in rows if PurePosixPath(row[0]).suffix}
        if len(found) < len(rows):
            self.files.note(f"{len(rows) - len(found)} lines of patternnet.csv left out: doubled, or no picture.")
        self.files.count("pictures", len(found))
        return found

    @cached_property
    def _rows(self) -> dict[str, list[tuple[str, str]]]:
        """Attribute -> (picture, value), in the order of the file."""
        found = {}
        for attribute in ATTRIBUTES:
            name = f"PatternCom/{attribute}.csv"
            rows = [(row[0].strip(), text_of(row[2])) for row in self.files.table(name, columns=3)]
            kept = self.files.kept(rows, key=lambda row: row, blank=lambda row: not row[1])
            lost = [picture for picture, _ in kept if picture not in self._pictures]
            if lost:
                raise LoaderError(
                    f"{self.files.find(name)} names {lost[0]!r}, which patternnet.csv does not.", hint=self.files.hint
                )
            found[attribute] = kept
        return found

    @cached_property
    def _cases(self) -> dict[str, _Case]:
        found: dict[str, _Case] = {}
        for attribute, rows in self._rows.items():
            together = _TOGETHER.get(attribute, {})
            groups = [together.get(_kind(picture), _kind(picture)) for picture, _ in rows]
            values: dict[str, set[str]] = {}
            for group, (_, value) in zip(groups, rows, strict=True):
                values.setdefault(group, set()).add(value)
            for group, (picture, value) in zip(groups, rows, strict=True):
                for other in sorted(values[group] - {value}):
                    id = f"{attribute}/{picture}>{other}"
                    if id in found:  # a picture with two values is asked once from each
                        id += f"@{value}"
                    found[id] = _Case(id, attribute, picture, other, _merged(picture))
        return found

    @cached_property
    def _answers(self) -> dict[tuple[str, str, str], frozenset[str]]:
        found: dict[tuple[str, str, str], set[str]] = {}
        for attribute, rows in self._rows.items():
            for picture, value in dict(rows).items():  # of a picture that is listed twice, the last value counts
                found.setdefault((attribute, value, _merged(picture)), set()).add(picture)
        return {key: frozenset(pictures) for key, pictures in found.items()}


def _kind(picture: str) -> str:
    """The class: the file name up to its first digit."""
    return re.split(r"\d", picture, maxsplit=1)[0].replace("_", "").lower()


def _merged(picture: str) -> str:
    return _ANY.get(_kind(picture), _kind(picture))

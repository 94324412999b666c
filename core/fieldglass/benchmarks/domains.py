"""Domain conversion: a picture and the name of a domain lead to pictures of its class in that domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from fieldglass.benchmarks.reader import Reader
from fieldglass.evaluation.precision import recall_at, trapezoid_ap
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["LTLL", "NICO", "ImageNetR", "ImageNetRPic2Word", "MiniDomainNet"]


class _Picture(NamedTuple):
    path: str
    domain: str
    kind: str


class _Case(NamedTuple):
    id: str
    picture: _Picture
    target: str


class _Domains(Reader):
    """mAP by trapezoids of every ordered pair of domains: the mean over targets by source, then over sources.

    FreeDom's protocol (arXiv 2412.03297). Lists of "path domain class", one line a picture; `words` is how a domain
    is said in a query. The reference is never an answer, since its domain is another.
    """

    words: ClassVar[Mapping[str, str]]
    query_list = "full_files.csv"
    gallery_list = "full_files.csv"
    at: tuple[int, ...] = (10, 50)
    depth: int | None = None
    folders = ("", "images")

    def __init__(self, *, root: str, images: str = "") -> None:
        super().__init__(root, "", images)

    def gallery(self) -> Iterator[Item]:
        """The database; ids are paths."""
        for picture in self._database.values():
            yield self._item(picture)

    def queries(self) -> Iterator[Query]:
        """Each query picture with each other domain; one that is not in the database is read from its file."""
        for case in self._cases.values():
            known = case.picture.path in self._database
            shown = QueryImage(case.picture.path) if known else QueryImage(item=self._item(case.picture))
            yield Query((shown,), (QueryText(self.words[case.target], "domain"),), id=case.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """mAP, "mAP {source}" for each source domain, and R@k."""
        for case, ranking in self.judged(pairs, self._cases):
            answers = self._answers.get((case.picture.kind, case.target), frozenset())
            ranks = hit_ranks(ranking.ids, answers)
            pair = f"{case.picture.domain}>{case.target}"
            self.tally.add(f"mAP {pair}", case.id, trapezoid_ap(ranks, len(answers), epsilon=1e-5))
            for k in self.at:
                self.tally.add(f"R@{k} {pair}", case.id, recall_at(ranks, len(answers), k))
        found: dict[str, float] = {}
        for metric in ("mAP", *(f"R@{k}" for k in self.at)):
            sources = {source: mean for source in self.words if (mean := self._mean(metric, source)) is not None}
            found[metric] = sum(sources.values()) / len(sources) if sources else 0.0
            if metric == "mAP":
                found |= {f"mAP {self.words[source]}": mean for source, mean in sources.items()}
        return found

    def _mean(self, metric: str, source: str) -> float | None:
        names = [f"{metric} {source}>{target}" for target in self.words]
        means = [100 * self.tally.mean(name) for name in names if name in self.tally]
        return sum(means) / len(means) if means else None

    def _item(self, picture: _Picture) -> Item:
        return self.item(picture.path, picture.path, metadata={"domain": picture.domain, "class": picture.kind})

    def _list(self, name: str) -> dict[str, _Picture]:
        rows = self.files.table(name, columns=3, delimiter=" ")
        found = {row[0]: _Picture(row[0], row[1], " ".join(row[2:])) for row in rows if row[1] in self.words}
        self.files.count(f"pictures in {name}", len(rows))
        strange = Counter(row[1] for row in rows if row[1] not in self.words)
        if strange:
            self.files.note(f"{sum(strange.values())} pictures left out of {name}: domain {min(strange)!r} is unknown.")
        if len(found) + sum(strange.values()) < len(rows):
            self.files.note(f"{len(rows) - sum(strange.values()) - len(found)} lines of {name} are there twice.")
        return found

    @cached_property
    def _database(self) -> dict[str, _Picture]:
        return self._list(self.gallery_list)

    @cached_property
    def _answers(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for picture in self._database.values():
            found.setdefault((picture.kind, picture.domain), set()).add(picture.path)
        return {key: frozenset(paths) for key, paths in found.items()}

    @cached_property
    def _cases(self) -> dict[str, _Case]:
        asked = self._database if self.query_list == self.gallery_list else self._list(self.query_list)
        domains = [domain for domain in self.words if any(each.domain == domain for each in self._database.values())]
        cases = [
            _Case(f"{picture.path}>{target}", picture, target)
            for picture in asked.values()
            for target in domains
            if target != picture.domain
        ]
        return {case.id: case for case in cases}


class ImageNetR(_Domains):
    """ImageNet-R: cartoons, origami, toys, sculptures and photographs; queries are the database."""

    name = "imagenet-r"
    words: ClassVar[Mapping[str, str]] = {
        "real": "photo", "cartoon": "cartoon", "origami": "origami", "toy": "toy", "sculpture": "sculpture",
    }  # fmt: skip


class NICO(_Domains):
    """NICO++: autumn, dim light, grass, outdoor, rock, water."""

    name = "nico"
    words: ClassVar[Mapping[str, str]] = {
        "autumn": "autumn", "dim": "dimlight", "grass": "grass", "outdoor": "outdoor", "rock": "rock", "water": "water",
    }  # fmt: skip
    query_list, gallery_list, at = "query_files.csv", "database_files.csv", (50, 100)


class MiniDomainNet(_Domains):
    """MiniDomainNet: clip art, paintings, photographs, sketches."""

    name = "minidn"
    words: ClassVar[Mapping[str, str]] = {
        "clipart": "clipart", "painting": "painting", "real": "photo", "sketch": "sketch",
    }  # fmt: skip
    query_list, gallery_list, at = "query_files.csv", "database_files.csv", (50, 100)


class LTLL(_Domains):
    """Large Time Lags Locations: places today and in the archive."""

    name = "ltll"
    words: ClassVar[Mapping[str, str]] = {"New": "Today", "Old": "Archive"}
    at = (5, 10)


class ImageNetRPic2Word(_Domains):
    """ImageNet-R after Pic2Word (arXiv 2302.03084): photographs as queries, R@10 and R@50 by target domain.

    R@k is the share of all right answers among the first k. Lines are "path label" with label = class + 1000 times
    the domain: cartoon, origami, toy, sculpture, then photographs.
    """

    name = "imagenet-r-pic2word"
    words: ClassVar[Mapping[str, str]] = {
        "cartoon": "cartoon", "origami": "origami", "toy": "toy", "sculpture": "sculpture", "real": "photo",
    }  # fmt: skip
    query_list, gallery_list = "imgnet_real_query.txt", "imgnet_targets.txt"
    depth = 50

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@10, R@50, and both for each target domain."""
        for case, ranking in self.judged(pairs, self._cases):
            answers = self._answers.get((case.picture.kind, case.target), frozenset())
            ranks = hit_ranks(ranking.ids, answers)
            for k in self.at:
                self.tally.add(f"{case.target} R@{k}", case.id, recall_at(ranks, len(answers), k))
        found = self.percents()
        for k in self.at:
            values = [value for name, value in found.items() if name.endswith(f" R@{k}")]
            found[f"R@{k}"] = sum(values) / len(values) if values else 0.0
        return found

    def _list(self, name: str) -> dict[str, _Picture]:
        found = {}
        domains = list(self.words)
        for row in self.files.table(name, columns=2, delimiter=" "):
            domain, kind = divmod(int(row[1]), 1000)
            found[row[0]] = _Picture(row[0], domains[min(domain, 4)], str(kind))
        self.files.count(f"pictures in {name}", len(found))
        return found

    @cached_property
    def _cases(self) -> dict[str, _Case]:
        asked = self._list(self.query_list)
        targets = [domain for domain in self.words if domain != "real"]
        cases = [_Case(f"{each.path}>{target}", each, target) for each in asked.values() for target in targets]
        return {case.id: case for case in cases}

"""ChestX-ray14 as retrieval: pictures that share a finding, never those of the same patient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import UsageError
from fieldglass.metrics import average_precision, hit_at, hit_ranks, precision_at
from fieldglass.types import Item, Query, QueryImage, Ranking

__all__ = ["ChestXRay14"]

_NONE = "No Finding"


class _Entry(NamedTuple):
    id: str
    findings: frozenset[str]
    patient: str
    view: str


class ChestXRay14(Reader):
    """P@1, 5, 10, R@5 and mAP@10: the test list asks the training list; hits of the same patient are left out.

    :param root: Data_Entry_2017.csv, train_val_list.txt, test_list.txt, images_001/images/ ... or images/.
    :param relevance: "any" shared finding, or "exact"ly the same set. "No Finding" is a finding of its own.
    :param finding: only queries that have it.

    R@5 is 1 where one of the first five is relevant.
    """

    name = "med/chestxray14"
    depth = 10
    folders = (
        "images",
        *(f"images_{number:03d}/images" for number in range(1, 13)),
        *(f"images_{number:03d}" for number in range(1, 13)),
        "",
    )

    def __init__(self, *, root: str, relevance: str = "any", finding: str = "") -> None:
        super().__init__(root)
        if relevance not in ("any", "exact"):
            raise UsageError(f"relevance={relevance!r} is any or exact.")
        self.relevance, self.finding = relevance, finding

    def gallery(self) -> Iterator[Item]:
        """The pictures of train_val_list.txt."""
        for entry in self._listed("train_val_list.txt"):
            yield self._item(entry)

    def queries(self) -> Iterator[Query]:
        """The pictures of test_list.txt; the official lists share no patient, and what does is excluded here."""
        for entry in self._asked:
            own = frozenset(self._of_patient.get(entry.patient, ()))
            yield Query((QueryImage(item=self._item(entry)),), exclude=own, id=entry.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """P@1, P@5, P@10, R@5, mAP@10; queries that nothing of another patient answers count in no mean."""
        known = {entry.id: entry for entry in self._asked}
        for entry, ranking in self.judged(pairs, known):
            own = frozenset(self._of_patient.get(entry.patient, ()))
            relevant = self._relevant(entry) - own
            ranks = hit_ranks([name for name in ranking.ids if name not in own], relevant)
            for k in (1, 5, 10):
                self.tally.add(f"P@{k}", entry.id, precision_at(ranks, k) if relevant else math.nan)
            self.tally.add("R@5", entry.id, hit_at(ranks, 5) if relevant else math.nan)
            ap = average_precision(ranks, len(relevant), 10) if relevant else math.nan
            self.tally.add("mAP@10", entry.id, ap)
        return self.percents()

    def _relevant(self, entry: _Entry) -> frozenset[str]:
        if self.relevance == "exact":
            return self._by_set.get(entry.findings, frozenset())
        return frozenset().union(*(self._by_finding.get(each, frozenset()) for each in entry.findings))

    def _item(self, entry: _Entry) -> Item:
        metadata = {"findings": "|".join(sorted(entry.findings)), "view": entry.view}
        return self.item(entry.id, entry.id, metadata=metadata, groups={"patient": entry.patient})

    def _listed(self, name: str) -> list[_Entry]:
        names = self.files.lines(name)
        lacking = [each for each in names if each not in self._entries]
        if lacking:
            self.files.note(f"{len(lacking)} pictures of {name} are not in Data_Entry_2017.csv.")
        return [self._entries[each] for each in dict.fromkeys(names) if each in self._entries]

    @cached_property
    def _asked(self) -> list[_Entry]:
        found = self._listed("test_list.txt")
        return [entry for entry in found if not self.finding or self.finding in entry.findings]

    @cached_property
    def _entries(self) -> dict[str, _Entry]:
        rows = self.files.records(
            "Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv",
            required=("Image Index", "Finding Labels", "Patient ID"),
        )  # fmt: skip
        self.files.count("pictures", len(rows))
        found = {}
        for row in rows:
            findings = frozenset(each.strip() for each in row["Finding Labels"].split("|") if each.strip())
            name = row["Image Index"].strip()
            found[name] = _Entry(
                name,
                findings or frozenset([_NONE]),
                row["Patient ID"].strip(),
                (row.get("View Position") or "").strip(),
            )
        return found

    @cached_property
    def _gallery(self) -> list[_Entry]:
        return self._listed("train_val_list.txt")

    @cached_property
    def _of_patient(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for entry in self._gallery:
            found.setdefault(entry.patient, []).append(entry.id)
        return found

    @cached_property
    def _by_finding(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for entry in self._gallery:
            for each in entry.findings:
                found.setdefault(each, set()).add(entry.id)
        return {finding: frozenset(names) for finding, names in found.items()}

    @cached_property
    def _by_set(self) -> dict[frozenset[str], frozenset[str]]:
        found: dict[frozenset[str], set[str]] = {}
        for entry in self._gallery:
            found.setdefault(entry.findings, set()).add(entry.id)
        return {findings: frozenset(names) for findings, names in found.items()}

"""CrisisLandMark (arXiv 2507.10403): land cover and crises in words, Sentinel-1 and Sentinel-2 patches as answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, MissingExtraError, UsageError
from fieldglass.evaluation.gains import ndcg
from fieldglass.evaluation.precision import precision_at
from fieldglass.types import Item, Problem, Query, QueryText, Ranking, Sample
from fieldglass_remote_sensing.benchmarks.shards import MAIN, Shards
from fieldglass_remote_sensing.stretch import stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CrisisLandMark"]

NDCG_AT, P_AT = (10, 100, 1000), (10, 100)
_SENSORS = {"s2": ("benv2s2", "cabuar", "sen2flood"), "s1": ("benv2s1", "mmflood", "sen1flood", "quakeset")}
_AMONG = {"": None, " S1": "s1", " S2": "s2"}  # how a metric says its gallery


class _Patch(NamedTuple):
    key: str
    labels: frozenset[str]
    sensor: str


class _Case(NamedTuple):
    id: str
    labels: frozenset[str]
    sensor: str | None
    said: str


class CrisisLandMark(Reader):
    """nDCG@10, 100, 1000 and P@10, 100 among both sensors, and among Sentinel-1 ("S1") and Sentinel-2 ("S2") alone.

    :param root: metadata.parquet (key, labels, split), crisislandmark.h5 and the shards that it links to.
    :param split: test or train.
    :param queries: "sets": every set of labels that some patch of the split has. "labels": every label alone.

    The text is the labels in alphabetical order, in lower case, joined by ". ". Gain is the share of the labels asked
    for that a patch has; P@k counts patches that have them all, and "nDCG@k binary" takes these alone as gains: both
    leave out texts that no patch of the gallery fulfils. Texts of which no patch has any label are left out. The
    paper's gain is not public, so that its figures stand beside ours with that caution.
    """

    name = "rs/crisislandmark"
    splits = ("test", "train")
    depth = 1000
    calibrate = "matches"

    def __init__(self, *, root: str, split: str = "test", queries: Literal["sets", "labels"] = "sets") -> None:
        super().__init__(root, split)
        if queries not in ("sets", "labels"):
            raise UsageError(f"queries is 'sets' or 'labels', not {queries!r}.")
        self.asked = queries

    def gallery(self) -> Iterator[Item]:
        """The patches of the split; the column `sensor` is "s1" or "s2"."""
        for patch in self._patches.values():
            file, path = self._places.get(patch.key, (MAIN, patch.key))
            known = {"sensor": patch.sensor}
            yield Item(patch.key, (file,), {"key": path}, known)

    def queries(self) -> Iterator[Query]:
        """Each text among both sensors, then among each."""
        for case in self._cases.values():
            where = None if case.sensor is None else f"sensor = '{case.sensor}'"
            yield Query(texts=(QueryText(". ".join(sorted(case.labels)), "target"),), where=where, id=case.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "nDCG@k", "nDCG@k binary", "P@k", and the same with " S1" and " S2"."""
        for case, ranking in self.judged(pairs, self._cases):
            among = self._among[case.sensor]
            gains = {labels: len(case.labels & labels) / len(case.labels) for labels in among}
            if not any(gains.values()):
                continue
            best = np.sort(np.repeat(list(gains.values()), [among[labels] for labels in gains]))[::-1]
            found = [self._patches[id] for id in ranking.ids]
            got = np.array([gains[each.labels] if case.sensor in (None, each.sensor) else 0.0 for each in found])
            for k in NDCG_AT:
                self.tally.add(f"nDCG@{k}{case.said}", case.id, ndcg(got, best[:k], k))
            if best[0] < 1:
                continue  # no patch has all the labels: nothing could be right
            for k in NDCG_AT:
                self.tally.add(f"nDCG@{k} binary{case.said}", case.id, ndcg(got == 1, best[:k] == 1, k))
            ranks = np.flatnonzero(got == 1)
            for k in P_AT:
                self.tally.add(f"P@{k}{case.said}", case.id, precision_at(ranks, k))
        return self.percents()

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """VV and VH in dB, or reflectance by band."""
        shards = Shards(root)
        for item in items:
            yield shards.read(item)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """True colour, or the first band."""
        return stretch(sample)

    @cached_property
    def _places(self) -> dict[str, tuple[str, str]]:
        try:
            found = Shards(self.files.root).places(list(self._patches))
        except OSError as error:
            raise LoaderError(f"{self.files.root / MAIN} cannot be read: {error}.", hint=self.files.hint) from error
        lost = len(self._patches) - len(found)
        if lost:
            self.files.note(f"{lost} keys of metadata.parquet are not in {MAIN}.")
        return found

    @cached_property
    def _patches(self) -> dict[str, _Patch]:
        rows = self._metadata()
        self.files.count("images", len(rows))
        found: dict[str, _Patch] = {}
        strange = blank = 0
        for key, labels, split in rows:
            if split != self.split:
                continue
            sensor = next((name for name, starts in _SENSORS.items() if any(each in key for each in starts)), None)
            names = frozenset(str(label).strip().lower() for label in labels or () if str(label).strip())
            strange += sensor is None
            blank += not names
            if sensor is not None and names:
                found[key] = _Patch(key, names, sensor)
        if strange:
            self.files.note(f"{strange} keys left out: they tell no sensor.")
        if blank:
            self.files.note(f"{blank} keys left out: they have no label.")
        if not found:
            raise LoaderError(f"metadata.parquet has no patch of the split {self.split!r}.", hint=self.files.hint)
        return found

    def _metadata(self) -> list[tuple[str, list[str], str]]:
        try:
            from pyarrow import ArrowException, parquet
        except ImportError as error:
            raise MissingExtraError(
                "CrisisLandMark needs pyarrow.", hint="pip install 'fieldglass-remote-sensing[crisislandmark]'"
            ) from error
        path = self.files.find("metadata.parquet")
        try:
            table = parquet.read_table(path, columns=["key", "labels", "split"])
            columns = [table.column(name).to_pylist() for name in ("key", "labels", "split")]
        except (ArrowException, OSError, KeyError, ValueError) as error:
            raise LoaderError(f"{path} is not the metadata of the corpus: {error}.", hint=self.files.hint) from error
        rows: dict[str, tuple[str, list[str], str]] = {}
        for key, labels, split in zip(*columns, strict=True):
            if not isinstance(key, str) or not isinstance(labels, list | None) or not isinstance(split, str):
                raise LoaderError(f"{path}: {key!r} has not text, a list and a split.", hint=self.files.hint)
            rows[key] = (key, labels, split)
        doubled = len(columns[0]) - len(rows)
        if doubled:
            self.files.note(f"{doubled} keys of metadata.parquet are there twice; the last counts.")
        return list(rows.values())

    @cached_property
    def _among(self) -> dict[str | None, dict[frozenset[str], int]]:
        """Sensor, None for both -> set of labels -> how many patches have exactly these."""
        found: dict[str | None, dict[frozenset[str], int]] = {None: {}, "s1": {}, "s2": {}}
        for patch in self._patches.values():
            for sensor in (None, patch.sensor):
                found[sensor][patch.labels] = found[sensor].get(patch.labels, 0) + 1
        return found

    @cached_property
    def _cases(self) -> dict[str, _Case]:
        sets = {patch.labels for patch in self._patches.values()}
        if self.asked == "labels":
            sets = {frozenset({label}) for labels in sets for label in labels}
        cases = [
            _Case(f"{'. '.join(sorted(labels))}{said}", labels, sensor, said)
            for said, sensor in _AMONG.items() if self._among[sensor] for labels in sorted(sets, key=sorted)
        ]  # fmt: skip
        return {case.id: case for case in cases}

"""3D-MIR (arXiv 2311.13752): CT volumes of the Medical Segmentation Decathlon that share lesions, by organ."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.types import Item, Problem, Query, QueryImage, Ranking, Sample
from fieldglass_medical.benchmarks.solids import middle_slice
from fieldglass_medical.nifti import read_volume
from fieldglass_medical.refusal import Refusal

__all__ = ["MIR3D", "ORGANS"]

ORGANS = ("colon", "liver", "lung", "pancreas")
_TASKS = ("Task03_Liver", "Task06_Lung", "Task07_Pancreas", "Task10_Colon")
_AT = (3, 5, 10)


class _Labels(NamedTuple):
    flag: str
    group: str


class MIR3D(Reader):
    """P@3, 5, 10 and AP@10 by lesion flag and by lesion group: the test volumes of an organ ask its training volumes.

    :param root: Data/Data_Splits/ORGAN_full_train_split.csv and ..._test_split.csv, Data/3DMIR_labels/
        ORGAN_labels_and_captions.csv, and the volumes in Task03_Liver/imagesTr ... or imagesTr/ or beside.
    :param organ: colon, liver, lung or pancreas.
    :param max_bytes: a larger volume (of 4 bytes a voxel) is a problem, from its header.

    Volumes are in Hounsfield units. AP@10 is the mean of the precisions at the right hits among the first ten, 0
    without any, as its code has it. Volumes without a row in the table of labels are left out, and counted.
    """

    name = "med/3d-mir"
    depth = 10
    folders = ("", "imagesTr", *(f"{task}/imagesTr" for task in _TASKS))

    def __init__(self, *, root: str, organ: str = "liver", max_bytes: int = 2 << 30) -> None:
        super().__init__(root)
        if max_bytes < 1:
            raise UsageError("max_bytes must be at least 1.")
        if organ not in ORGANS:
            raise UsageError(f"organ={organ!r} is one of {', '.join(ORGANS)}.")
        self.organ, self.max_bytes = organ, max_bytes

    def gallery(self) -> Iterator[Item]:
        """The training volumes."""
        yield from (self._item(name) for name in self._split("train"))

    def queries(self) -> Iterator[Query]:
        """The test volumes."""
        for name in self._split("test"):
            yield Query((QueryImage(item=self._item(name)),), id=name)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """flag P@3, P@5, P@10, AP@10, and the same of the group."""
        known = {name: name for name in self._split("test")}
        for query, ranking in self.judged(pairs, known):
            own = self._labels[query]
            found = [self._labels.get(name) for name in ranking.ids[: self.depth]]
            for kind in _Labels._fields:
                right = [each is not None and getattr(each, kind) == getattr(own, kind) for each in found]
                for k in _AT:
                    self.tally.add(f"{kind} P@{k}", query, sum(right[:k]) / max(1, len(right[:k])))
                hits = [place for place, each in enumerate(right) if each]
                ap = sum((number + 1) / (place + 1) for number, place in enumerate(hits)) / max(1, len(hits))
                self.tally.add(f"{kind} AP@10", query, ap)
        return self.percents()

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The volumes in Hounsfield units, or why not."""
        import nibabel

        for item in items:
            try:
                yield read_volume(root / item.paths[0], max_bytes=self.max_bytes)
            except Refusal as error:
                yield Problem(item.id, error.code, error.message, item.paths)
            except (OSError, EOFError, ValueError, zlib.error, nibabel.filebasedimages.ImageFileError) as error:
                yield Problem(item.id, "nifti-damaged", f"The volume cannot be read: {error}.", item.paths)

    preview = staticmethod(middle_slice)

    def _item(self, name: str) -> Item:
        flag, group = self._labels[name]
        places = [f"{folder}/{name}".lstrip("/") for folder in self.folders]
        path = next((place for place in places if (self.files.root / place).is_file()), places[-1])
        return Item(name, (path,), metadata={"organ": self.organ, "flag": flag, "group": group})

    def _split(self, which: str) -> list[str]:
        file = f"{self.organ}_full_{which}_split.csv"
        _, text = self.files.text(f"Data/Data_Splits/{file}", f"Data/{file}")
        names = [row[0].strip() for row in csv.reader(io.StringIO(text)) if row and row[0].strip()][1:]
        self.files.count(f"{self.organ} {which}", len(names))
        lacking = [name for name in names if name not in self._labels]
        if lacking:
            self.files.note(f"{len(lacking)} volumes of {file} have no labels, the first: {lacking[0]}.")
        return [name for name in dict.fromkeys(names) if name in self._labels]

    @cached_property
    def _labels(self) -> dict[str, _Labels]:
        file = f"{self.organ}_labels_and_captions.csv"
        rows = self.files.records(
            f"Data/3DMIR_labels/{file}", f"Data/{file}", required=("name", "lesion_group", "cancer_flag")
        )
        found = {}
        for row in rows:
            flag, group = row["cancer_flag"].strip(), row["lesion_group"].strip()
            if not flag or not group:
                raise LoaderError(f"{file}: {row['name']} has no cancer_flag or lesion_group.", hint=self.files.hint)
            name = row["name"].strip()
            if not name or Path(name).name != name:
                raise LoaderError(f"{file}: {name!r} is no name of a file.", hint=self.files.hint)
            found[name] = _Labels(flag, group)
        return found

"""Re-identification of polyps: is this one that was seen before? EndoFinder's files, and those of its follow-up."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.paths import OutsideError, inside
from fieldglass.types import Item, Query, QueryImage, Ranking
from fieldglass_medical.benchmarks.copies import pooled_metrics
from fieldglass_medical.benchmarks.solids import middle_slice, read_scenes

__all__ = ["PolypScene", "PolypTwin"]

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


class PolypTwin(Reader):
    """uAP, acc@1 and R@P90 over the ten best references of each query, pooled; ties count against.

    :param root: val_query/Q0000.png ..., val_ref/R0000.png ..., val_groundtruth_matches.csv (query_id,reference_id; a
        header is optional, and an empty reference marks a distractor).
    """

    name = "med/polyptwin"
    depth = 10

    def __init__(self, *, root: str) -> None:
        super().__init__(root)

    def gallery(self) -> Iterator[Item]:
        """The references, by their names without suffix."""
        yield from (Item(name, (path,)) for name, path in self._folder("val_ref").items())

    def queries(self) -> Iterator[Query]:
        """The queries, those without a reference too."""
        for name, path in self._folder("val_query").items():
            yield Query((QueryImage(item=Item(name, (path,))),), id=name)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """uAP, acc@1, R@P90."""
        known = {name: self._truth.get(name, frozenset()) for name in self._folder("val_query")}
        predictions: list[tuple[str, float, bool]] = []
        asked: set[str] = set()
        for (query, ranking), truth in _with_names(self, pairs, known):
            asked.add(query)
            scored = zip(ranking.ids[: self.depth], ranking.scores[: self.depth].tolist(), strict=True)
            predictions += [(query, score, id in truth) for id, score in scored]
        return pooled_metrics(predictions, sum(len(known[query]) for query in asked))

    def answers(self) -> None:
        """The matches."""
        _ = self._truth

    def _folder(self, name: str) -> dict[str, str]:
        folder = self.files.root / name
        if not folder.is_dir():
            raise LoaderError(f"{self.files.root} has no folder {name}.", hint=self.files.hint)
        files = sorted(each.name for each in folder.iterdir() if each.suffix.lower() in _PICTURES)
        return {PurePosixPath(file).stem: f"{name}/{file}" for file in files}

    @cached_property
    def _truth(self) -> dict[str, frozenset[str]]:
        _, text = self.files.text("val_groundtruth_matches.csv")
        found: dict[str, set[str]] = {}
        for number, row in enumerate(csv.reader(io.StringIO(text))):
            if not row or (number == 0 and row[0].strip() == "query_id"):
                continue
            reference = row[1].strip() if len(row) > 1 else ""
            found.setdefault(row[0].strip(), set()).update({reference} - {""})
        lacking = {name for names in found.values() for name in names} - set(self._folder("val_ref"))
        if lacking:
            self.files.note(f"{len(lacking)} references of the matches are not in val_ref, the first: {min(lacking)}.")
        return {query: frozenset(names) for query, names in found.items()}


class PolypScene(Reader):
    """The same for scenes of several pictures: one prediction a query, the scene of its best reference picture.

    :param root: the folder with the JSONL file; paths in it are relative to the root.
    :param file: lines of {num, scene_path, query_paths: [[path], ...], ref_paths: [[path], ...], ground_truth}.

    Each line is one scene that was seen twice: its references are the right answer to its queries. `ground_truth` is
    the pathology, which plays no part here.

    With form="pictures" those of a query are asked together, and every reference picture is an item: scenes are joined
    by their best one, which is the baseline. With form="scene" a query and an item are a clip of all their views, for
    an encoder of scenes; views of other sizes are brought to that of the first.
    """

    name = "med/polypscene"
    depth = 1

    def __init__(self, *, root: str, file: str = "PolypScene-250.jsonl", form: str = "pictures") -> None:
        super().__init__(root)
        if form not in ("pictures", "scene"):
            raise UsageError(f"form={form!r} is pictures or scene.")
        self.file, self.form = file, form
        if form == "scene":  # how the evaluation knows that these are no photographs
            self.read, self.preview = read_scenes, middle_slice

    def gallery(self) -> Iterator[Item]:
        """The reference pictures of every scene, or the scenes."""
        if self.form == "scene":
            for number, (_, references) in enumerate(self._scenes):
                yield Item(f"ref/{number}", tuple(references), metadata={"scene": number})
            return
        for number, (_, references) in enumerate(self._scenes):
            for view, path in enumerate(references):
                yield Item(f"ref/{number}/{view}", (path,), metadata={"scene": number})

    def queries(self) -> Iterator[Query]:
        """One query a scene, of all its query pictures."""
        for number, (asked, _) in enumerate(self._scenes):
            if self.form == "scene":
                whole = Item(f"query/{number}", tuple(asked))
                yield Query((QueryImage(item=whole),), id=f"query/{number}")
                continue
            items = [Item(f"query/{number}/{view}", (path,)) for view, path in enumerate(asked)]
            yield Query(tuple(QueryImage(item=item) for item in items), id=f"query/{number}")

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """uAP, acc@1, R@P90, from the first scene of each query alone."""
        known = {f"query/{number}": frozenset([str(number)]) for number in range(len(self._scenes))}
        predictions: list[tuple[str, float, bool]] = []
        asked = 0
        for (query, ranking), truth in _with_names(self, pairs, known):
            asked += 1
            scored = zip(ranking.ids[:1], ranking.scores[:1].tolist(), strict=True)
            predictions += [(query, score, id.split("/")[1] in truth) for id, score in scored]
        return pooled_metrics(predictions, asked)

    @cached_property
    def _scenes(self) -> list[tuple[list[str], list[str]]]:
        found = []
        for number, line in enumerate(self.files.lines(self.file), 1):
            try:
                scene = json.loads(line)
                found.append((self._paths(scene["query_paths"]), self._paths(scene["ref_paths"])))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise LoaderError(f"{self.file}, line {number}: {error!r}.", hint=self.files.hint) from error
        return found

    def _paths(self, given: list[Any]) -> list[str]:
        """Paths, each of which the official files wrap in a list. ValueError for none, or one outside the root."""
        paths = [str(each[0] if isinstance(each, list) else each) for each in given]
        if not paths:
            raise ValueError("a scene without pictures")
        for path in paths:
            try:
                inside(self.files.root, path)
            except OutsideError:
                raise ValueError(f"{path!r} leads out of the root") from None
            except FileNotFoundError:
                pass  # told as a missing picture
        return paths


def _with_names(
    reader: Reader, pairs: Iterable[tuple[Query, Ranking]], known: Mapping[str, frozenset[str]]
) -> Iterator[tuple[tuple[str, Ranking], frozenset[str]]]:
    """(query, its ranking) and its right references."""
    named = {query: (query, truth) for query, truth in known.items()}
    for (query, truth), ranking in reader.judged(pairs, named):
        yield (query, ranking), truth

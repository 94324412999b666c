"""Fashion200k (arXiv 1708.01311), as TIRG composes it (arXiv 1812.07119): one word of a caption replaced by another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["Fashion200k"]

KS = (1, 5, 10, 50, 100)
_MARKS = {".": "dotmark", "?": "questionmark", "&": "andmark", "*": "starmark"}


class Fashion200k(Reader):
    """R@k, where every picture with the caption of the target counts: several are right.

    :param root: labels/*_test_*.txt (path, score, caption; parted by tabs), test_queries.txt and the pictures.
    :param keep_reference: leave the reference among the hits; TIRG takes it out.
    :param images: the folder that the paths are relative to, below the root.
    """

    name = "fashion/fashion200k"
    folders = ("", "images")
    depth = max(KS)

    def __init__(self, *, root: str, keep_reference: bool = False, images: str = "") -> None:
        super().__init__(root, "", images)
        self.keep_reference = keep_reference

    def gallery(self) -> Iterator[Item]:
        """The test pictures; ids are paths."""
        for path, caption in self._captions.items():
            yield self.item(path, path, metadata={"caption": caption})

    def queries(self) -> Iterator[Query]:
        """The source, and "replace A with B"."""
        for id, (source, target) in self._asked.items():
            yield Query(
                (QueryImage(source),),
                (QueryText(_change(self._captions[source], self._captions[target])),),
                exclude=frozenset() if self.keep_reference else frozenset([source]),
                id=id,
            )

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k."""
        known = {id: (id, target) for id, (_, target) in self._asked.items()}
        for (id, target), ranking in self.judged(pairs, known):
            ranks = hit_ranks(ranking.ids, self._same[self._captions[target]])
            for k in KS:
                self.tally.add(f"R@{k}", id, hit_at(ranks, k))
        return self.percents()

    @cached_property
    def _captions(self) -> dict[str, str]:
        """Path -> caption as TIRG's vocabulary has it."""
        files = sorted((self.files.root / "labels").glob("*test*.txt"))
        if not files:
            raise LoaderError(f"{self.files.root} has no file labels/*test*.txt.", hint=self.files.hint)
        found: dict[str, str] = {}
        for path in files:
            for row in self.files.table(f"labels/{path.name}", columns=3, delimiter="\t"):
                found.setdefault(row[0], _caption(row[2]))
        self.files.count("test pictures", len(found))
        return found

    @cached_property
    def _same(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for path, caption in self._captions.items():
            found.setdefault(caption, set()).add(path)
        return found

    @cached_property
    def _asked(self) -> dict[str, tuple[str, str]]:
        lines = [line.split() for line in self.files.lines("test_queries.txt")]
        self.files.count("test queries", len(lines))
        found: dict[str, tuple[str, str]] = {}
        lost = 0
        for number, line in enumerate(lines, 1):
            if len(line) != 2:
                raise LoaderError(f"test_queries.txt, line {number}: {len(line)} paths, not two.", hint=self.files.hint)
            if line[0] in self._captions and line[1] in self._captions:
                found[str(number)] = (line[0], line[1])
            else:
                lost += 1
        if lost:
            self.files.note(f"{lost} queries left out: their pictures are in no file of labels.")
        return found


def _caption(text: str) -> str:
    for mark, word in _MARKS.items():
        text = text.replace(mark, word)
    return " ".join(text.split())


def _change(source: str, target: str) -> str:
    """The first word of each that the other has not; the last one where the other has all."""
    before, after = source.split(), target.split()
    gone = next((word for word in before if word not in after), before[-1] if before else "")
    new = next((word for word in after if word not in before), after[-1] if after else "")
    return f"replace {gone} with {new}"

"""Sessions of several turns: Multi-turn FashionIQ (arXiv 2106.04128), and Multi-turn Shoes in its layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.training.triplets import worded
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

__all__ = ["MultiTurnFashionIQ", "MultiTurnShoes"]


class _Turn(NamedTuple):
    reference: str
    texts: tuple[str, ...]


class _Session(NamedTuple):
    id: str
    category: str
    target: str
    turns: tuple[_Turn, ...]


class _Sessions(Reader):
    """R@5 and R@8 of the last turn, per category and their means; every reference stays among the hits.

    A query is the last turn, with the earlier ones as its history: give a composer that reads one (`decayed`,
    `rocchio`, `chatir`). A picture that was asked with is named by its number, since the addresses are dead.
    """

    ks = (5, 8)
    splits = ("val", "train")
    folders: tuple[str, ...] = ("images", "")
    calibrate = "matches"
    categories: tuple[str, ...] = ()

    def gallery(self) -> Iterator[Item]:
        """The pictures of every category."""
        for category, names in self._names.items():
            for name in names:
                yield self.item(f"{category}/{name}", name, metadata={"category": category})

    def queries(self) -> Iterator[Query]:
        """The last turn of each session, with its history."""
        for session in self._sessions.values():
            turns = [
                Query(
                    (QueryImage(f"{session.category}/{turn.reference}"),),
                    (QueryText(worded(turn.texts)),) if turn.texts else (),
                )
                for turn in session.turns
            ]
            where = f"category = '{session.category}'" if len(self.categories) > 1 else None
            yield replace(turns[-1], history=tuple(turns[:-1]), where=where, id=session.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "dress R@5" ... and the means over the categories."""
        for session, ranking in self.judged(pairs, self._sessions):
            ranks = hit_ranks(ranking.ids, {f"{session.category}/{session.target}"})
            for k in self.ks:
                self.tally.add(f"{session.category} R@{k}", session.id, hit_at(ranks, k))
        found = self.percents()
        for k in self.ks:
            parts = [found[f"{each} R@{k}"] for each in self.categories if f"{each} R@{k}" in found]
            if parts:
                found[f"R@{k}"] = sum(parts) / len(parts)
        return found

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        found = {}
        for category in self.categories:
            listed = dict.fromkeys(map(str, self.files.json(list, f"image_splits/split.{category}.{self.split}.json")))
            self.files.count(f"{self.split} {category} pictures", len(listed))
            used = {
                name
                for session in self._sessions.values()
                if session.category == category
                for name in (session.target, *(turn.reference for turn in session.turns))
            }
            beyond = sorted(used - listed.keys())
            if beyond:
                self.files.note(f"{len(beyond)} pictures of {category} sessions are not in its split file.")
            found[category] = [*listed, *beyond]
        return found

    @cached_property
    def _sessions(self) -> dict[str, _Session]:
        found: dict[str, _Session] = {}
        for category in self.categories:
            file = f"data/{category}.{self.split}.json"
            rows = self.files.rows(file, required={"target": list, "reference": list})
            self.files.count(f"{self.split} {category} sessions", len(rows))
            where, single = self.files.find(file), 0
            for number, row in enumerate(rows):
                id = f"{category}-{number}"
                session = _Session(id, category, _named(row["target"], where, number, self.files.hint), tuple(
                    _turn(turn, where, number, self.files.hint) for turn in row["reference"]
                ))  # fmt: skip
                if not session.turns or not any(turn.texts for turn in session.turns):
                    self.files.note(f"Session {id} left out: it has no turn that says anything.")
                    continue
                single += len(session.turns) == 1
                found[id] = session
            if single:
                self.files.note(f"{single} {category} session has a single turn.")
        return found


class MultiTurnFashionIQ(_Sessions):
    """Multi-turn FashionIQ.

    :param root: data/{category}.{split}.json, image_splits/split.{category}.{split}.json and images/.
    :param split: val or train.
    :param category: dress, shirt, toptee, or all.
    :param images: the folder of the pictures, below the root.
    """

    name = "fashion/multiturn-fashioniq"
    folders = ("images", "resized_image", "")

    def __init__(self, *, root: str, split: str = "val", category: str = "all", images: str = "") -> None:
        super().__init__(root, split, images)
        kinds = ("dress", "shirt", "toptee")
        if category not in (*kinds, "all"):
            raise UsageError(f"{self.name}: there is no category {category!r}.", hint=f"{', '.join(kinds)}, or all.")
        self.categories = kinds if category == "all" else (category,)


class MultiTurnShoes(_Sessions):
    """Multi-turn Shoes (FashionNTM, arXiv 2308.10170), whose authors have published no files: yours, in the layout of
    Multi-turn FashionIQ.

    :param root: data/shoes.{split}.json, image_splits/split.shoes.{split}.json and the pictures.
    :param split: val or train.
    :param images: the folder of the pictures, below the root.
    """

    name = "fashion/multiturn-shoes"
    categories = ("shoes",)

    def __init__(self, *, root: str, split: str = "val", images: str = "") -> None:
        super().__init__(root, split, images)


def _named(cell: Any, where: Any, number: int, hint: str) -> str:
    """[address, name] -> name."""
    if not isinstance(cell, list) or len(cell) < 2 or not isinstance(cell[-1], str) or not cell[-1].strip():
        raise LoaderError(f"{where}, session {number}: {cell!r:.60} is no picture [address, name].", hint=hint)
    return str(cell[-1]).strip()


def _turn(cell: Any, where: Any, number: int, hint: str) -> _Turn:
    """[address, captions, name]; captions that are blank are left out."""
    name = _named(cell, where, number, hint)
    said = cell[1] if len(cell) > 2 else None
    if not isinstance(said, list | str):
        raise LoaderError(f"{where}, session {number}: {cell!r:.60} is no turn [address, captions, name].", hint=hint)
    texts = [text_of(each) for each in (said if isinstance(said, list) else [said])]
    return _Turn(name, tuple(text for text in texts if text))

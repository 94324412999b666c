"""VisDial for dialogue retrieval (ChatIR, arXiv 2305.20062): a caption, then ten questions with their answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.evaluation.rounds import best_ranks, bri
from fieldglass.types import Item, Query, QueryText, Ranking

__all__ = ["VisDial"]


class _Round(NamedTuple):
    dialogue: int
    number: int
    target: str


class VisDial(Reader):
    """Hits@10 after each round, and BRI (PlugIR, arXiv 2406.03411) where lower is better.

    :param root: the dialogues, the search space and the pictures of COCO.
    :param dialogues: the file of the dialogues, a list of {"img", "dialog"}.
    :param space: the file of the gallery, a list of paths.
    :param rounds: how many rounds to ask, the caption counted as round 0; 11 is all.
    :param images: the folder that paths are relative to, below the root.

    A round is a query that says its own sentence and has the rounds before it as its history: the composer `chatir`
    joins them by ", ", as the paper does; `decayed`, `rocchio` and `plugir` read them otherwise.
    """

    name = "visdial"
    folders = ("", "images")
    depth = None

    def __init__(
        self,
        *,
        root: str,
        dialogues: str = "VisDial_v1.0_queries_val.json",
        space: str = "Search_Space_val_50k.json",
        rounds: int = 11,
        images: str = "",
    ) -> None:
        super().__init__(root, "", images)
        self.dialogues, self.space, self.rounds = dialogues, space, rounds

    def gallery(self) -> Iterator[Item]:
        """The search space; ids are paths."""
        for path in self._space:
            yield self.item(path, path)

    def queries(self) -> Iterator[Query]:
        """Every round of every dialogue; a round that is not there ends its dialogue."""
        for number, row in enumerate(self._dialogues):
            said = [text_of(each) for each in row["dialog"][: self.rounds]]
            turns = [Query(texts=(QueryText(each, "turn"),) if each else ()) for each in said]
            for turn, query in enumerate(turns):
                yield replace(query, history=tuple(turns[:turn]), id=f"{number}@{turn}")

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "Hits@10 round t" in percent, and BRI."""
        found: dict[int, dict[int, int]] = {}
        for turn, ranking in self.judged(pairs, self._rounds):
            ranks = hit_ranks(ranking.ids, {turn.target})
            rank = int(ranks[0]) if len(ranks) else len(ranking.ids)
            found.setdefault(turn.dialogue, {})[turn.number] = rank
        for dialogue, turns in found.items():
            best = best_ranks([turns[number] for number in sorted(turns)])
            for number, rank in zip(sorted(turns), best, strict=True):
                self.tally.add(f"Hits@10 round {number}", str(dialogue), hit_at(np.array([rank]), 10))
            self.tally.add("BRI", str(dialogue), bri([turns[number] for number in sorted(turns)]), plain=True)
        return self.percents()

    @cached_property
    def _space(self) -> list[str]:
        found = list(dict.fromkeys(map(str, self.files.json(list, self.space))))
        self.files.count("pictures", len(found))
        return found

    @cached_property
    def _dialogues(self) -> list[dict[str, Any]]:
        rows = self.files.rows(f"dialogues/{self.dialogues}", required={"img": str, "dialog": list})
        self.files.count("dialogues", len(rows))
        rows = self.files.kept(
            rows,
            key=lambda row: (row["img"], *map(str, row["dialog"])),
            blank=lambda row: not row["dialog"] or not text_of(row["dialog"][0]),
        )
        space = set(self._space)
        lost = [row["img"] for row in rows if row["img"] not in space]
        if lost:
            raise LoaderError(f"The target {lost[0]!r} of a dialogue is not in {self.space}.", hint=self.files.hint)
        return rows

    @cached_property
    def _rounds(self) -> dict[str, _Round]:
        return {
            f"{number}@{turn}": _Round(number, turn, row["img"])
            for number, row in enumerate(self._dialogues)
            for turn in range(min(self.rounds, len(row["dialog"])))
        }

"""What the readers of official files share: a card, the files, the pictures, and the tally of the last judgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fieldglass.benchmarks.cards import BenchmarkCard, card
from fieldglass.benchmarks.official import Official
from fieldglass.benchmarks.pictures import Pictures, absent
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.tally import Tally
from fieldglass.types import Item, Query, Ranking

__all__ = ["Check", "Reader"]


@dataclass(frozen=True)
class Check:
    """What the official files below a root hold and lack.

    `pictures` of the gallery and of queries that are not in it, `missing` among them (ids), `queries`, and
    `notes`: sentences on counts, checksums and rows that were left out.
    """

    pictures: int
    missing: tuple[str, ...]
    queries: int
    notes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Nothing is missing and nothing is odd."""
        return not self.missing and not self.notes

    def label(self) -> str:
        """ "" for the whole benchmark, else what was used of it."""
        parts = [f"{len(self.missing)} of {self.pictures} pictures missing"] if self.missing else []
        return "; ".join([*parts, *(note.rstrip(".") for note in self.notes)])


class Reader:
    """Base of the built-in readers; a benchmark need not inherit it.

    `depth` is how many hits `judge` wants (None: the whole gallery), `calibrate` what the composers' statistics
    cover, and `tally` holds the values of each query after `judge`. Percentages, as papers print them.
    """

    name: str
    folders: tuple[str, ...] = ("",)
    splits: tuple[str, ...] = ()
    depth: int | None = 50
    calibrate: str = "all"

    def __init__(self, root: str, split: str = "", images: str = "") -> None:
        self.card: BenchmarkCard = card(self.name)
        self.split = split or (self.splits[0] if self.splits else "")
        if self.splits and self.split not in self.splits:
            raise UsageError(f"{self.name} has no split {split!r}.", hint=f"Splits: {', '.join(self.splits)}.")
        self.files = Official(self.card, root)
        self.pictures = Pictures(self.files.root, (images.strip("/"),) if images else self.folders)
        self.tally = Tally()

    def gallery(self) -> Iterable[Item]:
        """The gallery."""
        raise NotImplementedError

    def queries(self) -> Iterable[Query]:
        """The queries, with their exclusions."""
        raise NotImplementedError

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """Metrics, in percent."""
        raise NotImplementedError

    def answers(self) -> None:
        """Read what `judge` compares with, where no query needs it; `check` calls it, so that nothing waits."""

    def check(self) -> Check:
        """Read everything but the pixels; nothing is encoded. LoaderError where an official file cannot be used."""
        self.answers()
        external: dict[str, Item] = {}
        queries = 0
        for query in self.queries():
            queries += 1
            external |= {image.item.id: image.item for image in query.images if image.item is not None}
        known, missing = absent(self.gallery(), self.pictures)
        more, lost = absent(external.values(), self.pictures)
        return Check(known + more, (*missing, *lost), queries, tuple(self.files.notes))

    def item(self, id: str, picture: str, **more: Any) -> Item:
        """An item of one picture, looked up on disk."""
        return Item(id, (self.pictures.path(picture),), **more)

    def percents(self, *names: str) -> dict[str, float]:
        """The means of the tally, those of the names or all: in percent, but plain ones as they are."""
        scale = {name: 1 if name in self.tally.plain else 100 for name in names or self.tally.metrics}
        return {name: factor * self.tally.mean(name) for name, factor in scale.items()}

    def judged(self, pairs: Iterable[tuple[Query, Ranking]], known: Mapping[str, Any]) -> Iterator[tuple[Any, Ranking]]:
        """Each truth with its ranking. LoaderError for a query that this benchmark does not have, or has twice."""
        self.tally = Tally()
        seen: set[str] = set()
        for query, ranking in pairs:
            if query.id not in known:
                raise LoaderError(f"{self.name} has no query {query.id!r}.")
            if query.id in seen:
                raise LoaderError(f"{self.name}: the query {query.id!r} was answered twice.")
            seen.add(query.id)
            yield known[query.id], ranking

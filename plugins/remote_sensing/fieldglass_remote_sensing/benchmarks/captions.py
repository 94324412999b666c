"""Caption retrieval in both directions: RSICD, RSITMD and the captions of UC Merced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.both_ways import BothWays
from fieldglass.evaluation.precision import hit_at
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.types import Item, Query, QueryText, Ranking

__all__ = ["RSICD", "RSITMD", "UCM"]

AT = (1, 5, 10)
SPLITS = ("test", "val", "train")


class _Caption(NamedTuple):
    id: str
    picture: str
    text: str

    @property
    def same(self) -> str:
        """What two captions have in common that say the same words."""
        return self.text.lower().rstrip(" .")


class _Captions(Reader):
    """R@1, 5, 10 from picture to text and from text to picture, and mR, the mean of the six.

    :param root: the JSON file of the captions, and the pictures.
    :param split: test, val or train.
    :param relevance: "picture", as published: a caption is right for the picture it was written for. "caption": also
        for every other picture with a caption of the same words, of which RSICD has many.
    :param images: the folder of the pictures, below the root.

    Both directions come from one matrix of scores, so that the composer must give scores which can be compared between
    queries: `text`, which is chosen unless you name another. From picture to text, equal scores count against it.
    """

    file: tuple[str, ...]
    folders = ("images", "")
    splits = SPLITS
    depth = None

    def __init__(
        self,
        *,
        root: str,
        split: str = "test",
        relevance: Literal["picture", "caption"] = "picture",
        images: str = "",
    ) -> None:
        super().__init__(root, split, images)
        if relevance not in ("picture", "caption"):
            raise UsageError(f"relevance is 'picture' or 'caption', not {relevance!r}.")
        self.relevance = relevance

    def gallery(self) -> Iterator[Item]:
        """The pictures of the split, by file name."""
        for picture in self._pictures:
            yield self.item(picture, picture)

    def queries(self) -> Iterator[Query]:
        """Every caption, its first letter a capital as in the script of RemoteCLIP."""
        for caption in self._captions.values():
            yield Query(texts=(QueryText(caption.text, "target"),), id=caption.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """ "I2T R@k", "T2I R@k" and "mR"."""
        both = BothWays(list(self._pictures))
        for caption, ranking in self.judged(pairs, self._captions):
            both.add(caption.id, ranking)
            ranks = hit_ranks(ranking.ids, self._right(caption))
            for k in AT:
                self.tally.add(f"T2I R@{k}", caption.id, hit_at(ranks, k))
        asked = [self._captions[id] for id in both.queries]
        for picture in self._pictures:
            if np.isnan(both.scores(picture)).all():
                continue  # its file is missing, which the label of the result says
            relevant = np.array([picture in self._right(caption) for caption in asked], dtype=np.bool_)
            if not relevant.any():
                continue  # none of its captions was asked
            ranks = both.query_ranks(picture, relevant)
            for k in AT:
                self.tally.add(f"I2T R@{k}", picture, hit_at(ranks, k))
        found = self.percents(*(f"{way} R@{k}" for way in ("I2T", "T2I") for k in AT))
        return {"mR": sum(found.values()) / len(found), **found}

    def _right(self, caption: _Caption) -> frozenset[str]:
        if self.relevance == "picture":
            return frozenset({caption.picture})
        return self._sharing[caption.same]

    @cached_property
    def _captions(self) -> dict[str, _Caption]:
        found: list[_Caption] = []
        whole = self.files.json(dict, *self.file)
        where = self.files.find(*self.file)
        images = whole.get("images")
        if not isinstance(images, list):
            raise LoaderError(f"{where} has no list `images`.", hint=self.files.hint)
        numbers: dict[str, int] = {}
        blank = 0
        for row, image in enumerate(images):
            try:
                split, picture = str(image["split"]), str(image["filename"])
                texts = [str(sentence["raw"]) for sentence in image["sentences"]]
            except (KeyError, TypeError) as error:
                raise LoaderError(f"{where}, image {row}: it has no {error}.", hint=self.files.hint) from error
            if split != self.split:
                continue
            for text in texts:
                number = numbers[picture] = numbers.get(picture, -1) + 1
                blank += not text_of(text)
                if text_of(text):
                    found.append(_Caption(f"{picture}#{number}", picture, text_of(text).capitalize()))
        if blank:
            self.files.note(f"{blank} captions left out: they are blank.")
        if not found:
            raise LoaderError(f"{where} has no caption of the split {self.split!r}.", hint=self.files.hint)
        self.files.count(f"{self.split} pictures", len(numbers))
        self.files.count(f"{self.split} captions", len(found))
        return {caption.id: caption for caption in found}

    @cached_property
    def _pictures(self) -> dict[str, None]:
        return dict.fromkeys(caption.picture for caption in self._captions.values())

    @cached_property
    def _sharing(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for caption in self._captions.values():
            found.setdefault(caption.same, set()).add(caption.picture)
        return {text: frozenset(pictures) for text, pictures in found.items()}


class RSICD(_Captions):
    """RSICD: 1 093 test pictures, five captions each, many of them doubled."""

    name = "rs/rsicd"
    file = ("dataset_rsicd.json", "dataset_RSICD.json", "annotations_rsicd/dataset_rsicd.json")
    folders = ("images", "RSICD_images", "")


class RSITMD(_Captions):
    """RSITMD: 452 test pictures with finer captions."""

    name = "rs/rsitmd"
    file = ("dataset_RSITMD.json", "dataset_rsitmd.json")


class UCM(_Captions):
    """Captions of UC Merced: 210 test pictures."""

    name = "rs/ucm"
    file = ("dataset.json", "dataset_ucm.json", "dataset_UCM.json")
    folders = ("images", "imgs", "")

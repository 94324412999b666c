"""Shoes with relative captions (arXiv 1805.00145): one gallery of women's shoes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from fieldglass.benchmarks.official import text_of
from fieldglass_fashion.benchmarks.compositions import Asked, Compositions

__all__ = ["Shoes"]

_LISTS = {"test": "eval_im_names.txt", "train": "train_im_names.txt"}


class Shoes(Compositions):
    """R@1, R@10, R@50 on the one target.

    :param root: relative_captions_shoes.json, eval_im_names.txt, train_im_names.txt, and the pictures in any folders:
        they are found by their names.
    :param split: test or train.
    :param keep_reference: leave the reference among the hits; papers differ, so say which was used.
    """

    name = "fashion/shoes"
    splits = ("test", "train")
    ks = (1, 10, 50)

    def __init__(self, *, root: str, split: str = "test", keep_reference: bool = False) -> None:
        super().__init__(root, split)
        self.keep_reference = keep_reference

    def path(self, name: str) -> str:
        """By its name, wherever it lies."""
        return self.lying.get(name.rpartition(".")[0], name)

    @cached_property
    def names(self) -> Mapping[str, list[str]]:
        """The list of the split, under the one category ""."""
        found = list(dict.fromkeys(self.files.lines(_LISTS[self.split])))
        self.files.count(f"{self.split} pictures", len(found))
        return {"": found}

    @cached_property
    def asked(self) -> Mapping[str, Asked]:
        """The pairs whose two pictures are in the list."""
        keys = ("ImageName", "ReferenceImageName", "RelativeCaption")
        rows = self.files.rows("relative_captions_shoes.json", required=dict.fromkeys(keys, str))
        known = set(self.names[""])
        rows = [row for row in rows if row["ImageName"] in known and row["ReferenceImageName"] in known]
        self.files.count(f"{self.split} queries", len(rows))
        rows = self.files.kept(
            rows, key=lambda row: tuple(row[key] for key in keys), blank=lambda row: not text_of(row[keys[2]])
        )
        return {
            str(number): Asked(str(number), "", row[keys[1]], row[keys[0]], (text_of(row[keys[2]]),))
            for number, row in enumerate(rows)
        }

"""FACap (arXiv 2507.05135): 227 680 changes between garments of six categories, worded by language models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePosixPath

from fieldglass.benchmarks.official import text_of
from fieldglass.errors import UsageError
from fieldglass_fashion.benchmarks.compositions import Asked, Compositions

__all__ = ["CATEGORIES", "FACap", "part_of"]

CATEGORIES = ("dress", "jacket", "outfit", "pants", "skirt", "top")

_PARTS = 20


def part_of(reference: str) -> str:
    """ "test", "val" or "train" by the name of the reference picture: 1 and 1 of 20 parts, and the rest.

    sha256 of the name without folder and suffix, its first 8 hexadecimal digits modulo 20: 0 is test, 1 val. Only a
    training split is published; this one needs no list, and no reference is in two parts.
    """
    stem = PurePosixPath(reference).stem
    number = int(hashlib.sha256(stem.encode()).hexdigest()[:8], 16) % _PARTS
    return {0: "test", 1: "val"}.get(number, "train")


class FACap(Compositions):
    """R@10 and R@50 per category and their means; the gallery is every picture of the category, without the reference.

    :param root: cir_triplets/{category}_train_triplets.json, image_captions/{category}_train_captions.json, and the
        pictures of Fashion200k and DeepFashion-MultiModal in any folders: they are found by path, else by name.
    :param split: test, val or train of our own parting (`part_of`), or all, as published.
    :param category: dress, jacket, outfit, pants, skirt, top, or all.
    """

    name = "fashion/facap"
    splits = ("test", "val", "train", "all")

    def __init__(self, *, root: str, split: str = "test", category: str = "all") -> None:
        super().__init__(root, split)
        if category not in (*CATEGORIES, "all"):
            raise UsageError(f"FACap has no category {category!r}.", hint=f"{', '.join(CATEGORIES)}, or all.")
        self.categories = CATEGORIES if category == "all" else (category,)

    def path(self, name: str) -> str:
        """As it is written, else by its name, wherever it lies."""
        return name if self.pictures.there(name) else self.lying.get(PurePosixPath(name).stem, name)

    @cached_property
    def names(self) -> Mapping[str, list[str]]:
        """The captioned pictures of each category, and any that only a triplet names."""
        found = {}
        for category in self.categories:
            captions = self.files.json(dict, f"image_captions/{category}_train_captions.json")
            self.files.count(f"{category} captions", len(captions))
            rows = self._rows[category]
            named = (row[key] for row in rows for key in ("candidate", "target"))
            found[category] = list(dict.fromkeys((*map(str, captions), *named)))
        return found

    @cached_property
    def asked(self) -> Mapping[str, Asked]:
        """The triplets of the split."""
        found = {}
        for category, rows in self._rows.items():
            for number, row in enumerate(rows):
                if self.split in ("all", part_of(row["candidate"])):
                    id, text = f"{category}-{number}", text_of(row["captions"][0])
                    found[id] = Asked(id, category, row["candidate"], row["target"], (text,))
        return found

    @cached_property
    def _rows(self) -> dict[str, list[dict[str, list[str]]]]:
        found, total = {}, 0
        for category in self.categories:
            file = f"cir_triplets/{category}_train_triplets.json"
            rows = self.files.rows(file, required={"candidate": str, "target": str, "captions": list})
            self.files.count(f"{category} triplets", len(rows))
            total += len(rows)
            found[category] = self.files.kept(
                rows,
                key=lambda row: (row["candidate"], row["target"], *map(str, row["captions"])),
                blank=lambda row: not row["captions"] or not text_of(row["captions"][0]),
            )
        if len(self.categories) == len(CATEGORIES):
            self.files.count("triplets", total)
        return found

"""Other texts for FashionIQ's pictures: Fine-FashionIQ (FineCIR), and enhFashionIQ (FACap)."""

from __future__ import annotations

import json
from typing import Any, Literal

from fieldglass.benchmarks.fashioniq import FashionIQ
from fieldglass.benchmarks.official import text_of
from fieldglass.errors import LoaderError

__all__ = ["EnhFashionIQ", "FineFashionIQ"]


class _Retold(FashionIQ):
    """FashionIQ's galleries and metrics with one long text a query."""

    folders = ("images", "resized_image", "", "dress", "shirt", "toptee")


class FineFashionIQ(_Retold):
    """Fine-FashionIQ (FineCIR): one long text a query, often a numbered list.

    :param root: fiq.fine.{category}.{split}.json or .jsonl, image_splits/split.{category}.{split}.json and pictures.
    :param split: val or train.
    :param gallery: "original" is FashionIQ's split file; "val" the pictures of this split's annotations.
    :param category: dress, shirt, toptee, or all.
    :param images: the folder of the pictures, below the root.
    """

    name = "fashion/fine-fashioniq"

    def _rows(self, category: str) -> list[dict[str, Any]]:
        stem = f"fiq.fine.{category}.{self.split}"
        name, text = self.files.text(f"{stem}.json", f"{stem}.jsonl")
        rows = []
        for number, row in enumerate(_listed(text, f"{self.files.root / name}", self.files.hint)):
            lacking = [key for key in ("target", "candidate", "finemt") if not isinstance(row.get(key), str)]
            if lacking:
                raise LoaderError(f"{self.files.root / name}, row {number}: no {lacking[0]!r}.", hint=self.files.hint)
            rows.append({"candidate": row["candidate"], "target": row["target"], "captions": [row["finemt"]]})
        return rows


class EnhFashionIQ(_Retold):
    """enhFashionIQ (FACap, arXiv 2507.05135): FashionIQ's evaluation, described again in longer, finer texts.

    The names of its files are not documented; those of FashionIQ are expected, with one text in `captions`.

    :param root: captions/cap.{category}.val.json, image_splits/split.{category}.val.json and images/.
    :param gallery: "original" is FashionIQ's split file; "val" the pictures of the annotations.
    :param category: dress, shirt, toptee, or all.
    :param images: the folder of the pictures, below the root.
    """

    name = "fashion/enh-fashioniq"
    splits = ("val",)

    def __init__(
        self, *, root: str, gallery: Literal["original", "val"] = "original", category: str = "all", images: str = ""
    ) -> None:
        super().__init__(root=root, split="val", gallery=gallery, category=category, images=images)

    def _rows(self, category: str) -> list[dict[str, Any]]:
        file = f"captions/cap.{category}.val.json"
        rows = self.files.rows(file, required={"target": str, "candidate": str, "captions": (list, str)})
        found = []
        for row in rows:
            said = row["captions"] if isinstance(row["captions"], list) else [row["captions"]]
            texts = [text for text in map(text_of, said) if text]
            if len(texts) > 1:
                self.files.note(f"{file} has several texts a query, as FashionIQ itself has; the first is taken.")
            found.append({"candidate": row["candidate"], "target": row["target"], "captions": texts[:1]})
        return found


def _listed(text: str, where: str, hint: str) -> list[dict[str, Any]]:
    """A JSON array, or one object a line: what is published under .json is the latter."""
    array = text.lstrip().startswith("[")
    try:
        found = json.loads(text) if array else [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise LoaderError(f"{where} is neither a JSON list nor JSON lines: {error}.", hint=hint) from error
    if not all(isinstance(row, dict) for row in found):
        raise LoaderError(f"{where} holds more than objects.", hint=hint)
    return list(found)

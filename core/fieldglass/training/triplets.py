"""Training triplets: a reference, what to change, and the target, from a file or a benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldglass.errors import LoaderError
from fieldglass.loaders.rows import BadRow, column_names, read_rows, require_column

__all__ = ["Triplet", "read_triplets", "variants", "worded"]

COLUMNS = ("reference", "text", "target")


@dataclass(frozen=True)
class Triplet:
    """Ids of the gallery, and the sentences that lead from one to the other; `group` has a gallery of its own."""

    reference: str
    texts: tuple[str, ...]
    target: str
    group: str = ""


def read_triplets(path: Path) -> Iterator[Triplet]:
    """The rows of a CSV, TSV or JSONL file with the columns `reference`, `text` and `target`.

    LoaderError names the first row that is not whole: a training on half of a file would go unnoticed.
    """
    names = column_names(path)
    for name in COLUMNS:
        require_column(path, name, names, "A triplets file has the columns reference, text, target.")
    for row in read_rows(path):
        if isinstance(row, BadRow):
            raise LoaderError(f"{path}, line {row.line}: {row.reason}")
        values = [" ".join(str(row.cells.get(name) or "").split()) for name in COLUMNS]
        lacking = [name for name, value in zip(COLUMNS, values, strict=True) if not value]
        if lacking:
            raise LoaderError(f"{path}, line {row.line}: {lacking[0]} is empty.", hint="Fill it in, or drop the row.")
        yield Triplet(values[0], (values[1],), values[2])


def worded(texts: Sequence[str]) -> str:
    """The sentence of a triplet for evaluation: "First and second", as CLIP4Cir has it for FashionIQ."""
    return variants(texts)[0]


def variants(texts: Sequence[str]) -> tuple[str, ...]:
    """What a triplet may say in training, each as likely: of two sentences both orders, and either alone."""
    if len(texts) != 2:
        return (" and ".join(texts),)
    first, second = (text.strip(".?, ") for text in texts)
    return (f"{_upper(first)} and {second}", f"{_upper(second)} and {first}", _upper(first), _upper(second))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]

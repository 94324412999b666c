"""Looks through a catalogue before it is indexed: what is missing, double, or cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.ingest.previews import thumbnail
from fieldglass.types import Item, Problem
from fieldglass_fashion.catalogue.entries import Entry
from fieldglass_fashion.near_duplicates import groups, signature_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass_fashion.loader import Catalogue

__all__ = ["MEANINGS", "Audit", "Finding", "audit"]

MEANINGS = {
    "missing picture": ("file-missing", "catalogue-no-picture"),
    "picture on the web": ("catalogue-remote",),
    "picture not fetched": ("catalogue-not-fetched",),
    "one file, two addresses": ("catalogue-ambiguous",),
    "duplicate article number": ("catalogue-duplicate",),
    "no article number": ("catalogue-id",),
    "unreadable price": ("catalogue-price",),
    "unreadable stock": ("catalogue-stock",),
    "unreadable row": ("catalogue-row",),
    "unsafe path": ("path-outside",),
    "encoding": ("catalogue-encoding",),
}
_OF_CODE = {code: name for name, codes in MEANINGS.items() for code in codes}
_BATCH = 256


@dataclass(frozen=True)
class Finding:
    """One thing to look at: what kind, where (line of the catalogue, or article), and a sentence."""

    kind: str
    where: str
    message: str


@dataclass
class Audit:
    """What was looked at, and what was found."""

    articles: int = 0
    products: int = 0
    pictures: int = 0
    currencies: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Findings by kind, the most frequent first."""
        return dict(Counter(each.kind for each in self.findings).most_common())


def audit(
    root: Path,
    loader: Catalogue,
    *,
    pictures: bool = True,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Audit:
    """Scan a catalogue and, with `pictures`, decode every one to find broken files and near duplicates.

    Near duplicates are told between products alone: two views of one product may well look the same. 96 bytes a
    picture are held. LoaderError where the catalogue cannot be read at all.
    """
    found = Audit()
    items: list[Item] = []
    articles = {each.article: each.product for each in loader.entries(root) if isinstance(each, Entry) and each.article}
    found.articles, found.products = len(articles), len(set(articles.values()))
    pictured: set[str] = set()
    currencies: Counter[str] = Counter()
    for each in loader.scan(root):
        if isinstance(each, Problem):
            found.findings.append(Finding(_OF_CODE.get(each.code, "broken picture"), each.subject, each.message))
            continue
        article = str(each.metadata["article"])
        if article not in pictured:
            pictured.add(article)
            found.findings += _lacking(article, each)
            currencies.update([str(each.metadata["currency"])] if "currency" in each.metadata else [])
        found.pictures += 1
        if pictures:
            items.append(Item(each.id, each.paths, each.locator, groups=each.groups))
    found.currencies = dict(currencies.most_common())
    if len(currencies) > 1:
        said = ", ".join(f"{count:,} in {name}" for name, count in currencies.most_common())
        found.findings.append(Finding("several currencies", root.name, f"Prices are {said}; filter by `currency` too."))
    if pictures:
        found.findings += _pictures(items, loader, root, workers, progress)
    return found


def _lacking(article: str, item: Item) -> Iterator[Finding]:
    if "price" not in item.metadata:
        yield Finding("no price", article, f"{article!r} has no price that can be read.")
    if "title" not in item.metadata:
        yield Finding("no title", article, f"{article!r} has no title.")


def _pictures(
    items: list[Item], loader: Catalogue, root: Path, workers: int, progress: Callable[[int], None] | None
) -> list[Finding]:
    found: list[Finding] = []
    kept: list[int] = []
    signatures: list[NDArray[np.uint8]] = []

    def look(item: Item) -> Any:
        answer = next(iter(loader.read([item], root)))
        return answer if isinstance(answer, Problem) else signature_of(thumbnail(loader.preview(answer)))

    with ThreadPoolExecutor(workers) as pool:
        rows = iter(enumerate(items))
        done = 0
        while batch := list(islice(rows, _BATCH)):
            for (row, item), answer in zip(batch, pool.map(look, [item for _, item in batch]), strict=True):
                if isinstance(answer, Problem):
                    kind = "missing picture" if answer.code == "file-missing" else "broken picture"
                    found.append(Finding(kind, item.id, f"{', '.join(item.paths)}: {answer.message}"))
                else:
                    kept.append(row)
                    signatures.append(answer)
            done += len(batch)
            if progress is not None:
                progress(done)
    return found + (_doubles([items[row] for row in kept], np.stack(signatures)) if kept else [])


def _doubles(items: list[Item], signatures: NDArray[np.uint8]) -> list[Finding]:
    """One finding per group of pictures that are nearly the same and belong to several products."""
    together: dict[int, list[int]] = {}
    for row, first in enumerate(groups(signatures).tolist()):
        together.setdefault(first, []).append(row)
    found = []
    for rows in together.values():
        products = list(dict.fromkeys(items[row].groups["product"] for row in rows))
        if len(products) > 1:
            names = ", ".join(items[row].id for row in rows[:8]) + (" ..." if len(rows) > 8 else "")
            message = f"{len(rows)} pictures of {len(products)} products are nearly the same: {names}."
            found.append(Finding("near duplicates", items[rows[0]].id, message))
    return found

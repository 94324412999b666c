"""The articles of a catalogue, one by one, whichever program wrote it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldglass.loaders.rows import BadRow, Row
from fieldglass_fashion.catalogue.names import IDS, MORE_PICTURES, PICTURES, PRODUCTS, STANDARD, column, plain

__all__ = ["Entry", "cut", "entries_of", "renamed", "said"]


@dataclass(frozen=True)
class Entry:
    """One article: its line, its number, the product it is a variant of, cells by standard names, its pictures."""

    line: int
    article: str
    product: str
    cells: Mapping[str, Any]
    pictures: tuple[str, ...]


def entries_of(names: Sequence[str], dialect: str, id_column: str = "") -> Callable[..., Iterator[Entry | BadRow]]:
    """The reader of a dialect: rows -> articles."""
    from fieldglass_fashion.catalogue.shopify import shopify_entries
    from fieldglass_fashion.catalogue.woocommerce import woocommerce_entries

    if dialect == "shopify":
        return shopify_entries
    if dialect == "woocommerce":
        return woocommerce_entries
    return _plain(names, id_column)


def _plain(names: Sequence[str], id_column: str) -> Callable[[Iterable[Row | BadRow]], Iterator[Entry | BadRow]]:
    """Google Merchant's names and others: one row an article, with all its pictures."""
    key = id_column or column(names, IDS) or ""
    group = column(names, PRODUCTS)
    links = [name for name in names if plain(name) in (*PICTURES, *MORE_PICTURES)]

    def read(rows: Iterable[Row | BadRow]) -> Iterator[Entry | BadRow]:
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            article = said(row.cells.get(key))
            cells = renamed({name: cell for name, cell in row.cells.items() if name not in (key, group, *links)})
            product = said(row.cells.get(group)) if group else ""
            yield Entry(row.line, article, product or article, cells, tuple(_pictures(row.cells, links)))

    return read


def _pictures(cells: Mapping[str, Any], links: Sequence[str]) -> Iterator[str]:
    """The pictures of a row, in the order of its columns, each once."""
    seen = set()
    for name in links:
        for path in cut(cells.get(name), commas=plain(name) in (*MORE_PICTURES, "images", "pictures")):
            if path not in seen:
                seen.add(path)
                yield path


def cut(cell: Any, *, commas: bool) -> list[str]:
    """The paths or addresses in a cell, between bars or, where the column lists several, commas."""
    parts = cell if isinstance(cell, list) else re.split(r"[|,\n]" if commas else r"[|\n]", said(cell))
    return [text for part in parts if (text := said(part))]


def renamed(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Cells by standard names where they have one; the first column of a name that says something wins."""
    found: dict[str, Any] = {}
    for name, cell in cells.items():
        standard = STANDARD.get(plain(name), name)
        if standard not in found or (not said(found[standard]) and said(cell)):
            found[standard] = cell
    return found


def said(cell: Any) -> str:
    """What a cell says, as text; "" for nothing. A whole number that Parquet has as 4711.0 is "4711"; lists: "a, b"."""
    if isinstance(cell, (list, tuple)):
        return ", ".join(filter(None, map(said, cell)))
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else "" if math.isnan(cell) else str(cell)
    return "" if cell is None else str(cell).strip()

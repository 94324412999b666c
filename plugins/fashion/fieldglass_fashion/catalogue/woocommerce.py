"""WooCommerce's product CSV: a row per product, and one per variation that names its parent.

The layout is that of WooCommerce's own exporter ("Product CSV Import Schema" of its documentation).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fieldglass.loaders.rows import BadRow, Row
from fieldglass_fashion.catalogue.entries import Entry, cut, renamed, said
from fieldglass_fashion.catalogue.names import plain

__all__ = ["woocommerce_entries"]

_COLUMNS = {
    "name": "title", "description": "description", "brands": "brand", "categories": "category", "tags": "tags",
    "in_stock?": "availability", "stock": "stock", "regular_price": "price", "sale_price": "sale_price",
    "date_sale_price_starts": "sale_price_effective_date", "published": "published",
}  # fmt: skip
_INHERITED = ("title", "description", "brand", "category", "tags")
_ATTRIBUTE = re.compile(r"attribute_(\d+)_name")


def woocommerce_entries(rows: Iterable[Row | BadRow]) -> Iterator[Entry | BadRow]:
    """One article per simple product and per variation; a variation has its parent's pictures if it has none."""
    parents: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {}
    alone: dict[str, Entry] = {}  # variable products of which no variation was there yet
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        cells = {plain(name): cell for name, cell in row.cells.items()}
        kind = said(cells.get("type")).lower()
        found = {_COLUMNS[name]: cell for name, cell in cells.items() if name in _COLUMNS and said(cell)}
        found |= renamed(_attributes(cells))
        if "description" not in found and said(cells.get("short_description")):
            found["description"] = cells["short_description"]
        number, sku = said(cells.get("id")), said(cells.get("sku"))
        article = sku or number
        pictures = tuple(dict.fromkeys(cut(cells.get("images"), commas=True)))
        if "variable" in kind:
            shared = {name: found[name] for name in _INHERITED if name in found}
            for name in filter(None, (f"id:{number}" if number else "", sku)):
                parents[name] = (shared, pictures, article)
            alone[article] = Entry(row.line, article, article, found, pictures)
            continue
        shared, inherited, product = parents.get(said(cells.get("parent")), ({}, (), ""))
        product = product or said(cells.get("parent")).removeprefix("id:") or article
        alone.pop(product, None)
        yield Entry(row.line, article, product, {**shared, **found}, pictures or inherited)
    yield from alone.values()


def _attributes(cells: dict[str, Any]) -> dict[str, Any]:
    """ "Attribute 1 name", "Attribute 1 value(s)" -> {"Color": "red"}."""
    found = {}
    for name, cell in cells.items():
        match = _ATTRIBUTE.fullmatch(name)
        if match and said(cell):
            value = said(cells.get(f"attribute_{match[1]}_value_s"))
            if value:
                found[plain(said(cell))] = value
    return found

"""Shopify's product CSV: several rows a product, for its variants and for its further pictures.

The first row of a handle has what the product's variants share; rows without a variant only add pictures. The
layout is that of Shopify's help pages "Using CSV files to import and export products".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from fieldglass.loaders.rows import BadRow, Row
from fieldglass_fashion.catalogue.entries import Entry, renamed, said
from fieldglass_fashion.catalogue.names import plain

__all__ = ["shopify_entries"]

_HANDLE = ("handle", "url_handle")
_SKU = ("variant_sku", "sku")
_PICTURE = ("image_src", "product_image_url")
_PLACE = ("image_position",)
_OWN_PICTURE = ("variant_image", "variant_image_url")
_PRICE = ("variant_price", "price")
_BEFORE = ("variant_compare_at_price", "compare_at_price")
_STOCK = ("variant_inventory_qty", "inventory_quantity")
_TRACKED = ("variant_inventory_tracker", "inventory_tracker")
_OVERSOLD = ("variant_inventory_policy", "continue_selling_when_out_of_stock")
_NO_NUMBER = re.compile(r"^'(?=[0-9])")  # keeps spreadsheets from cutting off leading zeros
_SHARED = {
    "title": "title", "body_html": "description", "description": "description", "vendor": "brand", "tags": "tags",
    "product_category": "category", "type": "type", "status": "status", "published": "published",
}  # fmt: skip


def shopify_entries(rows: Iterable[Row | BadRow]) -> Iterator[Entry | BadRow]:
    """One article per variant. Its picture is its own if it has one, else it has all of the product."""
    for handle, group in groupby(rows, key=lambda row: "" if isinstance(row, BadRow) else _handle(row)):
        together: list[tuple[int, dict[str, Any]]] = []
        for row in group:
            if isinstance(row, BadRow):
                yield row
            else:
                together.append((row.line, {plain(name): cell for name, cell in row.cells.items()}))
        if together:
            yield from _product(handle, together)


def _handle(row: Row) -> str:
    return next((said(cell) for name, cell in row.cells.items() if plain(name) in _HANDLE), "")


def _product(handle: str, rows: list[tuple[int, dict[str, Any]]]) -> Iterator[Entry]:
    first = rows[0][1]
    shared = {_SHARED[name]: cell for name, cell in first.items() if name in _SHARED and said(cell)}
    shared.setdefault("category", shared.pop("type", ""))
    pictures = _in_order(rows)
    names = [said(first.get(f"option{n}_name")) for n in (1, 2, 3)]
    for place, (line, cells) in enumerate(rows):
        values = [said(cells.get(f"option{n}_value")) for n in (1, 2, 3)]
        sku = _NO_NUMBER.sub("", _of(cells, _SKU))
        if place and not (sku or any(values)):
            continue  # a further picture alone
        options = {_option(name): value for name, value in zip(names, values, strict=True) if name and value}
        options.pop("title", None)  # "Title: Default Title" stands for no options at all
        article = sku or "/".join([handle, *(value for value in values if value and value != "Default Title")])
        own = _of(cells, _OWN_PICTURE)
        found = {**shared, "handle": handle, **renamed(options), **_figures(cells)}
        yield Entry(line, article, handle, found, (own,) if own else pictures)


def _figures(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Price and stock; what is not tracked, or is sold beyond its stock, is in stock."""
    found: dict[str, Any] = {"price": _of(cells, _PRICE), "list_price": _of(cells, _BEFORE)}
    stock, endless = _of(cells, _STOCK), _of(cells, _OVERSOLD).lower() in ("continue", "true")
    if stock and _of(cells, _TRACKED):
        found["stock"] = stock
        if endless:
            found["availability"] = "in stock"
    elif any(name in cells for name in _TRACKED):
        found["availability"] = "in stock"
    return found


def _in_order(rows: list[tuple[int, dict[str, Any]]]) -> tuple[str, ...]:
    placed = [(_place(cells), _of(cells, _PICTURE)) for _, cells in rows]
    return tuple(dict.fromkeys(path for _, path in sorted(placed, key=lambda each: each[0]) if path))


def _place(cells: Mapping[str, Any]) -> int:
    text = _of(cells, _PLACE)
    return int(text) if text.isdecimal() else 1 << 30


def _option(name: str) -> str:
    return plain(name)


def _of(cells: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := said(cells.get(name)))), "")

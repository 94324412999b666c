"""The metadata of an article: prices as numbers, stock, category, text; the rest by the type of its column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from fieldglass.loaders.cells import ColumnTypes
from fieldglass_fashion.catalogue.entries import said
from fieldglass_fashion.price import decimal_marks, price

__all__ = ["LEVELS", "Cells"]

LEVELS = 5  # of a category's path, each a column of its own that filters look up
_PRICES = ("price", "sale_price", "list_price")
_OWN = (*_PRICES, "currency", "availability", "stock", "category", "description")
_TEXT = ("title", "brand", "color", "size", "gender", "material", "pattern", "age_group", "tags", "handle")
_FIRST = ("title", "brand", "price", "color", "size")  # of a card that has no room for all
_AVAILABLE = {
    "in stock", "instock", "in_stock", "1", "yes", "true", "available", "limited availability", "ja", "oui",
    "https://schema.org/instock", "backorder", "on backorder",
}  # fmt: skip
_GONE = {
    "out of stock", "outofstock", "out_of_stock", "0", "no", "false", "unavailable", "sold out", "nein", "non",
    "https://schema.org/outofstock", "preorder", "pre-order", "discontinued",
}  # fmt: skip
_TAGGED = re.compile(r"<[a-zA-Z/!][^>]{0,2000}>")


class Cells:
    """Sees every article once (`see`), then gives its metadata.

    :param decimals: the marks that numbers of other columns may have, as in `fieldglass.loaders.cells`.
    :param decimal: the decimal mark of prices, "." or ","; if empty, the one that the prices themselves show.
    :param currency: of prices that name none.
    """

    def __init__(self, decimals: str, decimal: str = "", currency: str = "") -> None:
        self._types = ColumnTypes(decimals)
        self._decimal, self._currency = decimal, currency.upper()
        self._marks: Counter[str] = Counter()

    def see(self, cells: Mapping[str, Any]) -> None:
        """Narrow the types of columns, and count what marks the decimals of prices."""
        self._types.see({name: cell for name, cell in cells.items() if name not in _OWN and name not in _TEXT})
        self._marks.update(filter(None, (decimal_marks(cells.get(name)) for name in _PRICES)))

    def metadata(self, cells: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The typed columns of an article, and what could not be read: prices, stock."""
        found: dict[str, Any] = {name: text for name in _TEXT if (text := said(cells.get(name)))}
        bad = self._prices(cells, found)
        bad += _stock(cells, found)
        category = said(cells.get("category"))
        if category:
            path = [part.strip() for part in re.split(r">|/(?=\s)|\|", category.split(",")[0]) if part.strip()]
            found["category"] = path[-1] if path else category
            if len(path) > 1:
                found["category_path"] = " > ".join(path)
                found |= {f"category_{level}": name for level, name in enumerate(path[:LEVELS], start=1)}
        if description := said(cells.get("description")):
            found["description"] = _untagged(description)
        rest = {name: cell for name, cell in cells.items() if name not in _OWN and name not in _TEXT}
        ordered = {name: found[name] for name in _FIRST if name in found}
        return ordered | found | self._types.typed(rest) | found, bad

    @property
    def decimal(self) -> str:
        """The decimal mark of prices; "" where it is not known, and each price is judged alone."""
        return self._decimal or (next(iter(self._marks)) if len(self._marks) == 1 else "")

    def _prices(self, cells: Mapping[str, Any], found: dict[str, Any]) -> list[str]:
        """`price` is what is paid now, `list_price` what was before a reduction; both in `currency`."""
        read: dict[str, float] = {}
        currencies: list[str] = []
        bad = []
        for name in _PRICES:
            if not said(cells.get(name)):
                continue
            parsed = price(cells[name], self.decimal)
            if parsed is None:
                bad.append(f"{said(cells[name])[:60]!r} is no price")
                continue
            read[name] = float(parsed[0])
            currencies += [parsed[1]] if parsed[1] else []
        if len(set(currencies)) > 1:
            return [f"the prices are in {' and '.join(dict.fromkeys(currencies))}"]
        limited = said(cells.get("sale_price_effective_date"))
        if "sale_price" in read and not limited:  # whether one of a period counts depends on the day
            read["list_price"] = read.pop("price", read["sale_price"])
            read["price"] = read.pop("sale_price")
        if read.get("list_price") == read.get("price"):
            read.pop("list_price", None)
        found |= read
        currency = next(iter(currencies), "") or said(cells.get("currency")).upper() or self._currency
        if read and currency:
            found["currency"] = currency
        return bad


def _stock(cells: Mapping[str, Any], found: dict[str, Any]) -> list[str]:
    """`stock` a whole number, `in_stock` true or false; [what could not be read]."""
    bad = []
    text = said(cells.get("stock"))
    if text:
        try:
            found["stock"] = int(float(text))
        except (ValueError, OverflowError):
            bad.append(f"{text[:60]!r} is no stock")
    available = said(cells.get("availability")).lower().replace("_", " ")
    if available in _AVAILABLE or available in _GONE:
        found["in_stock"] = available in _AVAILABLE
    elif available.isdecimal():
        found["in_stock"] = int(available) > 0
    elif available:
        found["availability"] = said(cells.get("availability"))
    if "in_stock" not in found and "stock" in found:
        found["in_stock"] = found["stock"] > 0
    return bad


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def _untagged(text: str) -> str:
    """The words of a description that is HTML; one that is not stays as it is."""
    if not _TAGGED.search(text):
        return text
    parser = _Text()
    parser.feed(text[:100_000])
    parser.close()
    return " ".join(" ".join(parser.parts).split())

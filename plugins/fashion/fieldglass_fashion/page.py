"""Hits as a shop would show them: a card per product with price, variants, and why it is there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fieldglass.report import Cards
from fieldglass.report.markup import image, text
from fieldglass_fashion.reasons import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fieldglass.collection import Collection
    from fieldglass.result import Hit, SearchResult
    from fieldglass.types import Query

__all__ = ["money", "shop"]

_VARIANTS = 6  # small pictures on a card
_SIGNS = {"EUR": "€", "GBP": "£"}


@dataclass(frozen=True)
class _Variant:
    preview: bytes | None
    name: str


def shop() -> Cards:
    """How a shop shows its products, on a page of results, of a session, or of the demo."""
    return Cards(_cards, files("fieldglass_fashion").joinpath("shop.css").read_text(encoding="utf-8"))


def _cards(collection: Collection, result: SearchResult, query: Query | None) -> Iterator[str]:
    why = reasons(collection, query, result) if query is not None else {}
    for hit in result:
        yield _card(hit, _variants(collection, hit), why.get(hit.id, ""))


def money(value: float, currency: str) -> str:
    """ "1,299.00 €"; the code of a currency that has no sign of its own."""
    return f"{value:,.2f} {_SIGNS.get(currency, currency)}".rstrip()


def _variants(collection: Collection, hit: Hit) -> list[_Variant]:
    """The other articles of the product, each by its first picture."""
    product, own = hit.metadata.get("product"), hit.metadata.get("article")
    snapshot = collection.store.snapshot()
    if not product or "product" not in snapshot.columns:
        return []
    positions = snapshot.members("product", str(product))
    found: dict[Any, _Variant] = {}
    for position, cells in zip(positions.tolist(), snapshot.metadata(positions), strict=True):
        article = cells.get("article")
        if article != own and article not in found:
            said = " ".join(str(cells[name]) for name in ("color", "size") if cells.get(name))
            found[article] = _Variant(snapshot.thumbnail(position), said or str(article))
    return list(found.values())


def _card(hit: Hit, variants: list[_Variant], why: str) -> str:
    cells = hit.metadata
    title = str(cells.get("title") or cells.get("article") or hit.id)
    brand = f'<div class="brand">{text(str(cells["brand"]))}</div>' if cells.get("brand") else ""
    double = cells.get("near_duplicate")
    same = (
        f'<p class="facts">nearly the same picture as {text(str(double))}</p>' if double not in (None, hit.id) else ""
    )
    return (
        f'<li class="card product"><figure>{image(hit.thumbnail, title)}'
        f'<span class="rank"><span class="unseen">Rank </span>{hit.rank}</span>'
        f'<figcaption>{brand}<div class="title" title="{text(title)}">{text(title)}</div>'
        f"{_price(cells)}{_facts(cells)}{_others(variants)}{same}"
        f'<p class="why">{f"<b>Why</b> {text(why)} · " if why else ""}'
        f'<data value="{hit.score!r}">{hit.score:.3f}</data> · <span class="article">{text(hit.id)}</span></p>'
        f"</figcaption></figure></li>"
    )


def _price(cells: Mapping[str, Any]) -> str:
    price, before, currency = cells.get("price"), cells.get("list_price"), str(cells.get("currency", ""))
    if price is None:
        return '<p class="price">no price</p>'
    old = ""
    if before is not None and before > price:
        old = f'<s>{text(money(before, currency))}</s><span class="less">-{100 * (1 - price / before):.0f} %</span>'
    return f'<p class="price">{text(money(price, currency))}{old}</p>'


def _facts(cells: Mapping[str, Any]) -> str:
    facts = [text(str(cells[name])) for name in ("category", "color", "material") if cells.get(name)]
    facts += [f"size {text(str(cells['size']))}"] if cells.get("size") else []
    if cells.get("in_stock") is False:
        facts.append('<span class="gone">out of stock</span>')
    elif cells.get("stock") is not None:
        facts.append(f"{cells['stock']:,} in stock")
    return f'<p class="facts">{" · ".join(facts)}</p>' if facts else ""


def _others(variants: list[_Variant]) -> str:
    if not variants:
        return ""
    shown = "".join(f"<li>{image(each.preview, each.name)}</li>" for each in variants[:_VARIANTS])
    left = len(variants) - _VARIANTS
    more = f"<li>+{left}</li>" if left > 0 else ""
    said = ", ".join(each.name for each in variants[:_VARIANTS])
    return f'<ul class="variants" aria-label="Variants: {text(said)}">{shown}{more}</ul>'

"""The names that shops' exports give to the columns that a catalogue needs.

Google Merchant Center's product data specification, Shopify's product CSV (before and since 2024), WooCommerce's
product exporter, and names that one meets elsewhere. Compared without case, spaces, hyphens and brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["IDS", "MORE_PICTURES", "PICTURES", "PRODUCTS", "STANDARD", "column", "dialect", "plain"]

IDS = (
    "id", "sku", "item_id", "variant_sku", "product_id", "article_id", "article", "article_number", "artikelnummer",
    "handle",
)  # fmt: skip
PICTURES = (
    "image_link", "image", "images", "image_path", "image_file", "image_src", "image_url", "picture", "pictures",
    "photo", "bild", "path", "file", "filename",
)  # fmt: skip
MORE_PICTURES = ("additional_image_link", "additional_images", *(f"image_{n}" for n in range(2, 11)))
PRODUCTS = ("item_group_id", "product_group", "parent_sku", "parent_id", "style_id", "style")

STANDARD = {
    # what is paid, what is paid while it is reduced, what was paid before
    "price": "price", "regular_price": "price", "preis": "price", "prix": "price", "precio": "price",
    "sale_price": "sale_price", "list_price": "list_price", "compare_at_price": "list_price",
    "title": "title", "name": "title", "product_name": "title", "product_title": "title",
    "bezeichnung": "title", "artikelbezeichnung": "title",
    "description": "description", "body_html": "description", "caption": "description",
    "brand": "brand", "brands": "brand", "vendor": "brand", "manufacturer": "brand", "marke": "brand",
    "product_type": "category", "category": "category", "categories": "category", "product_category": "category",
    "google_product_category": "category", "type": "category", "kategorie": "category",
    "color": "color", "colour": "color", "farbe": "color", "couleur": "color",
    "size": "size", "sizes": "size", "grösse": "size", "größe": "size", "taille": "size",
    "gender": "gender", "material": "material", "pattern": "pattern", "age_group": "age_group",
    "availability": "availability", "in_stock": "availability", "in_stock?": "availability",
    "stock": "stock", "quantity": "stock", "inventory": "stock", "inventory_quantity": "stock", "bestand": "stock",
    "currency": "currency", "währung": "currency",
}  # fmt: skip


def plain(name: str) -> str:
    """A column's name as it is compared: "Body (HTML)" -> "body_html"."""
    return re.sub(r"[\s()_-]+", "_", name.strip().lower()).strip("_")


def column(names: Iterable[str], wanted: Sequence[str]) -> str | None:
    """The column whose plain name comes first in `wanted`."""
    found = {plain(name): name for name in reversed(list(names))}
    return next((found[name] for name in wanted if name in found), None)


def dialect(names: Iterable[str]) -> str:
    """ "shopify", "woocommerce" or "plain", by the columns that only they have."""
    found = {plain(name) for name in names}
    if found & {"handle", "url_handle"} and found & {"option1_name", "variant_price", "variant_sku"}:
        return "shopify"
    if {"sku", "images", "regular_price"} <= found:
        return "woocommerce"
    return "plain"

"""`fieldglass fashion search`: products by words, by picture, or by both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass_fashion.cli.asking import answer, product_options

__all__ = ["search"]


@click.command(short_help="Search products by words, by picture, or by both.")
@click.argument("collection", type=click.Path(path_type=Path))
def search(collection: Path, **options: Any) -> None:
    """Search products by words, by picture, or by both. All pictures and variants of a product are one hit.

    \b
    Examples:
      fieldglass fashion search shop.collection --text "a red dress" --max-price 80 --currency EUR --in-stock
      fieldglass fashion search shop.collection --text "a coat" --category Women --where "list_price > price"
      fieldglass fashion search shop.collection --image look.jpg --text "with long sleeves" -k 20 --open
      fieldglass fashion search shop.collection --like 4711 --text "in green" --out hits.csv
    """
    answer(collection, options)


product_options(search)

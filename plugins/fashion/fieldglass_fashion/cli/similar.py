"""`fieldglass fashion similar`: products that look like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass_fashion.cli.asking import PRODUCT, answer, product_options

__all__ = ["similar"]


@click.command(short_help="Products that look like one, or like a picture.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.argument("product")
def similar(collection: Path, product: str, **options: Any) -> None:
    """Products that look like PRODUCT: the article number of one of the collection, or a picture file.

    The product itself, its other pictures and its variants are no hits.

    \b
    Examples:
      fieldglass fashion similar shop.collection 4711
      fieldglass fashion similar shop.collection look.jpg --max-price 80 --size 38 -k 5 --open
    """
    file = product == "-" or Path(product).expanduser().is_file()
    asked = {"images": (product,), "likes": ()} if file else {"images": (), "likes": (product,)}
    options["exclude_group"] = options["exclude_group"] or PRODUCT
    answer(collection, {"texts": (), **options, **asked})


product_options(similar, "images", "likes", "texts")

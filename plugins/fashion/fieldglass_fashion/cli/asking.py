"""What the commands that search products share: the options of `fieldglass search`, hits that are products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.search import run
from fieldglass.cli.search import search as core_search

__all__ = ["answer", "product_options"]

PRODUCT = "product"


def product_options(command: click.Command, *without: str) -> click.Command:
    """Adds the options of `fieldglass search` to a command, but those named and those that it has."""
    own = {each.name for each in command.params}
    command.params += [each for each in core_search.params if each.name not in (*without, *own, "queries")]
    return command


def answer(collection: Path, options: dict[str, Any]) -> None:
    """Search and print; a product is one hit, shown by its best picture, unless --collapse says otherwise."""
    options["collapse"] = options["collapse"] or PRODUCT
    form, out, show = options.pop("form"), options.pop("out"), options.pop("show")
    run(collection, form, out, show, None, options)

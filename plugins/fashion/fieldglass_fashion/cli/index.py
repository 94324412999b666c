"""`fieldglass fashion index`: takes a catalogue into a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.index import index as core_index

__all__ = ["index"]

LOADER = "fashion/catalogue"
_ENCODERS = ("fashion/mini", "mini")


@click.command(short_help="Take a catalogue into a collection.")
@click.pass_context
def index(context: click.Context, collection: Path, loader: str | None, encoder: str | None, **options: Any) -> None:
    """Take a shop's catalogue into a collection: `fieldglass index` with the loader `fashion/catalogue`.

    What is unchanged is passed over, so the same command brings a new export in. A new price does not encode
    a picture again. Exits with 3 when some rows could not be taken; `fieldglass problems` lists them.

    \b
    Examples:
      fieldglass fashion index export.csv --to shop.collection
      fieldglass fashion index export.csv --to shop.collection --prune
      fieldglass fashion index feed.tsv --to shop.collection --set pictures=img --set id_column=artnr
    """
    if encoder is None and not collection.exists():
        encoder = _default_encoder()
    context.invoke(core_index, collection=collection, loader=loader or LOADER, encoder=encoder, **options)


index.params = list(core_index.params)


def _default_encoder() -> str:
    from fieldglass.registry import registry

    known = registry().offers("encoders")
    return next(name for name in _ENCODERS if name in known)

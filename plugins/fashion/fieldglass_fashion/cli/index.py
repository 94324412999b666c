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
@click.option(
    "--near-duplicates/--no-near-duplicates", default=True,
    help="Mark pictures that are nearly the same in several products, in the column near_duplicate.",
)  # fmt: skip
@click.pass_context
def index(
    context: click.Context, collection: Path, loader: str | None, encoder: str | None, near_duplicates: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Take a shop's catalogue into a collection: `fieldglass index` with the loader `fashion/catalogue`.

    What is unchanged is passed over, so the same command brings a new export in. A new price does not encode
    a picture again. Exits with 3 when some rows could not be taken; `fieldglass problems` lists them.

    \b
    Examples:
      fieldglass fashion index export.csv --to shop.collection
      fieldglass fashion index export.csv --to shop.collection --prune
      fieldglass fashion index export.csv --to shop.collection --set pictures=pictures.zip --set currency=EUR
      fieldglass fashion index feed.tsv --to shop.collection --set pictures=img --set id_column=artnr
    """
    if encoder is None and not collection.exists():
        encoder = _default_encoder()
    before = _version(collection)
    try:
        context.invoke(core_index, collection=collection, loader=loader or LOADER, encoder=encoder, **options)
    finally:
        after = _version(collection)
        if near_duplicates and after != before:
            _mark(collection)
        if after is not None and not after[0] and not any(each.startswith("pictures=") for each in options["settings"]):
            where = "They are looked for beside the catalogue; if they lie elsewhere: --set pictures=FOLDER."
            click.echo(f"No picture was taken. {where}", err=True)


index.params = [*core_index.params, *index.params]


def _default_encoder() -> str:
    from fieldglass.registry import registry

    known = registry().offers("encoders")
    return next(name for name in _ENCODERS if name in known)


def _version(collection: Path) -> tuple[int, ...] | None:
    """What a collection holds: it is another where pictures came or went. None where there is none."""
    import fieldglass

    if not collection.exists():
        return None
    with fieldglass.open(collection) as opened:
        snapshot = opened.store.snapshot()
        return snapshot.count, snapshot.size


def _mark(collection: Path) -> None:
    import fieldglass
    from fieldglass_fashion.grouping import mark_near_duplicates

    with fieldglass.open(collection) as opened:
        count = mark_near_duplicates(opened)
    if count:
        click.echo(f"{count:,} groups of near duplicates in several products; see the column near_duplicate.")

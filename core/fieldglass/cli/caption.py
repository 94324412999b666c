"""`fieldglass caption`: captions stored with the items, for the composers that compare or edit them."""

from __future__ import annotations

from pathlib import Path

import click

from fieldglass.cli.lazy import JOURNALLED

__all__ = ["caption"]


@click.group()
def caption() -> None:
    """Store captions with the items of a collection.

    \b
    Examples:
      fieldglass caption import shop.collection captions.jsonl
    """


@caption.command("import")
@click.argument("collection", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--column", default="caption", show_default=True, help="The column of the first caption.")
def import_(collection: Path, file: Path, column: str) -> None:
    """Read captions from FILE and encode them beside the pictures.

    FILE is JSONL of {"id": ..., "captions": [...]}, or a JSON list of {"candidate": ..., "captions": [...]}. The
    captions become the columns and fields caption, caption2, ... Exits with 3 when rows could not be read.

    \b
    Examples:
      fieldglass caption import shop.collection captions.jsonl
    """
    import fieldglass
    from fieldglass.ingest.captions import read_captions, store_captions

    bad: list[str] = []
    captions = dict(read_captions(file, bad))
    with fieldglass.open(collection) as opened:
        done = store_captions(opened.store, captions, column)
        encoded = sum(opened.encode_column(name, again=True) for name in done.columns if done.items)
    click.echo(
        f"captioned {done.items} items, {encoded} captions in {', '.join(done.columns) or 'no column'}, "
        f"{done.unmatched} rows without an item, {len(bad)} bad rows"
    )
    for line in bad[:20]:
        click.echo(line, err=True)
    if bad:
        click.get_current_context().exit(JOURNALLED)

"""Commands that change what is known of items, without encoding: annotate, refresh, rm, relocate."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fieldglass.cli.lazy import JOURNALLED
from fieldglass.errors import UsageError

__all__ = ["annotate", "refresh", "relocate", "rm"]

_WRITTEN = ("encoding", "delimiter", "decimal")  # options of the `table` loader
_COLLECTION = click.argument("collection", type=click.Path(path_type=Path))


@click.command(short_help="Add columns from a table, joined by id.")
@_COLLECTION
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--on", metavar="COLUMN", default="id", show_default=True, help="The column of TABLE that holds the ids.")
@click.option("--columns", metavar="A,B,...", help="Only these columns; all by default.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="How TABLE is written: encoding, delimiter, decimal."
)
def annotate(collection: Path, table: Path, on: str, columns: str | None, settings: tuple[str, ...]) -> None:
    """Add or replace columns (labels, prices, captions) from a CSV, TSV, JSONL or Parquet table.

    Rows whose id is not in the collection are counted and passed over. Exits with 3 when rows could not be read.

    \b
    Examples:
      fieldglass annotate shop.collection prices.csv
      fieldglass annotate holiday.collection captions.jsonl --on file --columns caption,place
      fieldglass annotate shop.collection preise.csv --on SKU --set encoding=cp1252
    """
    import fieldglass
    from fieldglass.options import parse

    written = parse(settings)
    unknown = sorted(written.keys() - _WRITTEN)
    if unknown:
        raise UsageError(f"annotate has no option {unknown[0]!r}.", hint=f"It has: {', '.join(_WRITTEN)}.")
    wanted = tuple(each.strip() for each in columns.split(",") if each.strip()) if columns else None
    with fieldglass.open(collection) as opened:
        joined = opened.annotate(table, on=on, columns=wanted, **written)
    click.echo(f"annotated {joined.matched} items, {joined.unmatched} rows without an item, {len(joined.bad)} bad rows")
    if joined.emptied:
        lost = f"{joined.emptied} cells do not suit their column and are empty now"
        click.echo(f"note: {lost}; `fieldglass problems {collection}` lists them", err=True)
    for line in joined.bad[:20]:
        click.echo(line, err=True)
    if joined.bad:
        click.get_current_context().exit(JOURNALLED)


@click.command(short_help="Run the metadata hooks again, without encoding.")
@_COLLECTION
def refresh(collection: Path) -> None:
    """Run the metadata hooks of the installed plugins on every item; no picture is decoded or encoded.

    \b
    Examples:
      pip install fieldglass-geo && fieldglass refresh holiday.collection
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        changed = opened.refresh()
    click.echo(f"refreshed {changed} items")


@click.command(short_help="Remove items from a collection.")
@_COLLECTION
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--where", metavar="SQL", help="Remove what this filter finds.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(collection: Path, ids: tuple[str, ...], where: str | None, yes: bool) -> None:
    """Remove items by id, by filter, or by a list on standard input (`-`); the files stay.

    \b
    Examples:
      fieldglass rm holiday.collection 2019/IMG_4711.jpg
      fieldglass rm shop.collection --where "price IS NULL" --yes
      fieldglass rm shop.collection - < ids.txt
    """
    import fieldglass

    if not ids and where is None:
        raise UsageError("Nothing to remove.", hint="Name ids, or give --where.")
    with fieldglass.open(collection) as opened:
        wanted = list(ids)
        if ids == ("-",):
            wanted = [line for line in sys.stdin.read().splitlines() if line]
        if where is not None:
            snapshot = opened.store.snapshot()
            wanted += snapshot.ids(snapshot.select(where))
        if where is not None and not yes and sys.stdin.isatty():
            click.confirm(f"Remove {len(wanted)} items from {collection}?", abort=True)
        removed = opened.delete(wanted)
    missing = len(set(wanted)) - removed
    click.echo(f"removed {removed} items" + (f", {missing} were not there" if missing else ""))


@click.command(short_help="Say where a source has moved.")
@_COLLECTION
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
def relocate(collection: Path, name: str, folder: Path) -> None:
    """Say where the source NAME lies now; nothing is encoded again. `fieldglass info` shows the names.

    \b
    Examples:
      fieldglass relocate holiday.collection holiday /media/disk/holiday
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        opened.relocate(name, folder)
    click.echo(f"{name} is now {folder.resolve()}")

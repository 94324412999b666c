"""`fieldglass export` and `fieldglass import`: npy vectors and a Parquet table, for other tools and back."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["export", "import_"]


@click.command(short_help="Write vectors and metadata as npy and Parquet.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--csv", is_flag=True, help="A table for spreadsheets besides.")
def export(collection: Path, folder: Path, csv: bool) -> None:
    """Write the vectors as npy and the metadata as Parquet (GeoParquet where there is lat and lon).

    FOLDER must be new or empty.

    \b
    Examples:
      fieldglass export holiday.collection holiday-export
      fieldglass export shop.collection shop-export --csv
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        count = opened.export(folder, spreadsheet=csv)
    click.echo(f"exported {count} items to {folder}")


@click.command("import", short_help="Make a collection of what `export` wrote.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", "collection", required=True, type=click.Path(path_type=Path), help="The collection to make.")
def import_(folder: Path, collection: Path) -> None:
    """Make a collection of what `fieldglass export` wrote; the vectors are the same to the last bit.

    \b
    Examples:
      fieldglass import holiday-export --to copy.collection
    """
    from fieldglass.collection import import_ as read

    with read(folder, collection) as made:
        count = len(made)
    click.echo(f"imported {count} items into {collection}")

"""Commands that keep a collection fit: build, compact, verify."""

from __future__ import annotations

from pathlib import Path

import click

from fieldglass.cli.output import bytes_text, echo_json, echo_table, format_option

__all__ = ["build", "compact", "verify"]

_COLLECTION = click.argument("collection", type=click.Path(path_type=Path))


@click.command(short_help="Build the index of a collection by hand.")
@_COLLECTION
@click.option("--kind", default="auto", show_default=True, metavar="NAME", help="`fieldglass list indexes`.")
@click.option(
    "--recall", type=click.FloatRange(0.5, 1.0), default=0.95, show_default=True,
    help="The share of the true hits that an approximate index has to find.",
)  # fmt: skip
def build(collection: Path, kind: str, recall: float) -> None:
    """Build the index by hand; `fieldglass index` does so at its end.

    `auto` compares every item up to 100 000 and trains an approximate index above.

    \b
    Examples:
      fieldglass build archive.collection
      fieldglass build archive.collection --kind ivf --recall 0.98
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        opened.build(kind, recall=recall)
        found = opened.info()
    click.echo(f"index: {found['index']}")


@click.command(short_help="Give the space of removed items back.")
@_COLLECTION
def compact(collection: Path) -> None:
    """Write the segments anew without removed items; readers at work keep what they see.

    \b
    Examples:
      fieldglass compact holiday.collection
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        before = opened.info()["bytes"]
        dropped = opened.compact()
        opened.build()
        after = opened.info()["bytes"]
    click.echo(f"compacted: {dropped} removed items dropped, {bytes_text(before)} before, {bytes_text(after)} now")


@click.command(short_help="Read everything and compare checksums.")
@_COLLECTION
@click.option("--repair", is_flag=True, help="Drop what is damaged, so that the next index encodes it again.")
@format_option
def verify(collection: Path, repair: bool, form: str) -> None:
    """Read every byte and compare it with its checksum; exits with 1 where something is damaged.

    \b
    Examples:
      fieldglass verify holiday.collection
      fieldglass verify holiday.collection --repair && fieldglass index holiday --to holiday.collection
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        rows = [{"file": each.file, "what": each.what, "next": each.next} for each in opened.verify()]
        again = opened.repair() if repair and rows else 0
    if form == "json":
        echo_json(rows)
    elif rows:
        echo_table(["file", "what", "next"], (list(row.values()) for row in rows))
    else:
        click.echo(f"{collection}: everything is whole")
    if repair and rows:
        click.echo(f"repaired: the next index encodes {again} items again", err=True)
    elif rows:
        click.get_current_context().exit(1)

"""`fieldglass fashion export-clicks`: a click log as a benchmark."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["export_clicks"]


@click.command(short_help="Make a benchmark of a click log.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--to", required=True, type=click.Path(path_type=Path), help="The folder to write to.")
@click.option("--split", type=click.Choice(["val", "train"]), default="val", show_default=True, help="Its name.")
@click.option("--least", type=click.IntRange(min=1), default=1, show_default=True, help="Clicks that a pair needs.")
def export_clicks(collection: Path, log: Path, to: Path, split: str, least: int) -> None:
    """Write a shop's click log in the layout of CIRR: what was looked at, what was typed then, what was clicked.

    LOG is a table with the columns reference, text and target, and perhaps shown: the ids of the other hits, parted
    by "|". Nothing else of it is taken, and rows whose text may name a person are left out. Rows that cannot be used
    are kept with their reasons in rejected.jsonl.

    \b
    Examples:
      fieldglass fashion export-clicks shop.collection clicks.csv --to own-benchmark --least 3
      fieldglass eval cirr --root own-benchmark --collection shop.collection --composer weicom
    """
    import fieldglass
    from fieldglass_fashion.click_log import export_clicks as export

    with fieldglass.open(collection) as opened:
        done = export(log, opened, to, split=split, least=least)
    click.echo(f"{done.pairs} pairs of {done.rows} rows among {done.pictures} pictures in {to}.")
    if done.short:
        click.echo(f"{done.short} groups have fewer than six members: Rs@k is easier there than in CIRR.")
    for reason, count in sorted(done.rejected.items(), key=lambda each: -each[1]):
        click.echo(f"Left out {count}: {reason}.")

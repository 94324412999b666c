"""`fieldglass fashion audit`: what is wrong with a catalogue."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fieldglass_fashion.audit import Audit

__all__ = ["audit"]

_SHOWN = 3  # findings of a kind in the table
_PIXELS = 224  # what most encoders take, so that photographs are decoded as an index decodes them


@click.command(short_help="What is missing, double or unreadable in a catalogue.")
@click.argument("catalogue", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the loader.")
@click.option("--pictures/--no-pictures", default=True, help="Decode every picture: broken files, near duplicates.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Decoding threads.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.csv", help="Write all findings as CSV."
)
def audit(
    catalogue: Path, settings: tuple[str, ...], pictures: bool, workers: int, form: str, out: Path | None
) -> None:
    """Look through CATALOGUE before it is indexed. Nothing is changed.

    It tells missing and broken pictures, article numbers that are there twice, pictures that are nearly the same in
    several products, prices that cannot be read, several currencies. Exits with 3 where there is something to look at.

    \b
    Examples:
      fieldglass fashion audit export.csv
      fieldglass fashion audit feed.tsv --set pictures=pictures --out findings.csv
      fieldglass fashion audit export.csv --no-pictures --format json
    """
    from fieldglass.cli.lazy import JOURNALLED
    from fieldglass.options import parse
    from fieldglass.registry import registry
    from fieldglass_fashion.audit import audit as look

    loader = registry().create("loaders", "fashion/catalogue", {"pixels": _PIXELS, **parse(settings)})
    found = look(catalogue, loader, pictures=pictures, workers=workers)
    if out is not None:
        out.write_text(_csv(found), encoding="utf-8", newline="")
        click.echo(f"wrote {out}", err=True)
    _show(found, form)
    if not found.pictures and "missing picture" in found.counts:
        where = (
            f"They are looked for in {loader.base(catalogue.resolve())}; if they lie elsewhere: --set pictures=FOLDER."
        )
        click.echo(f"No picture is where the catalogue says. {where}", err=True)
    if found.findings:
        click.get_current_context().exit(JOURNALLED)


def _show(found: Audit, form: str) -> None:
    from dataclasses import asdict

    from fieldglass.cli.output import echo_json, echo_table

    if form == "json":
        echo_json({**asdict(found), "counts": found.counts})
        return
    click.echo(f"{found.articles:,} articles of {found.products:,} products, {found.pictures:,} pictures")
    rows = []
    for kind, count in found.counts.items():
        first = [each for each in found.findings if each.kind == kind][:_SHOWN]
        rows += [
            [kind if not n else "", f"{count:,}" if not n else "", e.where, e.message] for n, e in enumerate(first)
        ]
    if rows:
        echo_table(["finding", "count", "where", "what"], rows, right="count")
        if len(found.findings) > len(rows):
            click.echo(f"The first {_SHOWN} of each kind; --out FILE.csv has all {len(found.findings):,}.", err=True)
    elif found.articles:
        click.echo("Nothing is missing, double or unreadable.")
    else:
        click.echo("The catalogue has no rows.")


def _csv(found: Audit) -> str:
    """The findings; what a spreadsheet would take for a formula is quoted."""
    from fieldglass.store.exporting import harmless

    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["finding", "where", "what"])
    for each in found.findings:
        table.writerow([harmless(cell) for cell in (each.kind, each.where, each.message)])
    return text.getvalue()

"""`fieldglass fashion fetch`: brings the pictures of a feed here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fieldglass_fashion.loader import Catalogue

__all__ = ["fetch"]

_SHOWN = 5  # reasons why pictures could not be had


@click.command(short_help="Bring the pictures of a feed here.")
@click.argument("catalogue", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="The folder of the pictures; made if new.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Ask for so many pictures in this run.")
@click.option("--max-mb", type=click.IntRange(1), default=32, show_default=True, help="The largest picture.")
@click.option("--total-mb", type=click.IntRange(1), help="Stop after so much in this run.")
@click.option(
    "--pause", type=click.FloatRange(0), default=0.2, show_default=True, help="Seconds between two requests to a host."
)
@click.option("--timeout", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds for one picture.")
@click.option("--hosts", type=click.IntRange(1, 64), default=8, show_default=True, help="Hosts asked at a time.")
@click.option("--again", is_flag=True, help="Ask again for what was refused for good, such as a 404.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the loader.")
def fetch(
    catalogue: Path, folder: Path, limit: int | None, max_mb: int, total_mb: int | None, pause: float, timeout: float,
    hosts: int, again: bool, settings: tuple[str, ...],
) -> None:  # fmt: skip
    """Bring the pictures here that CATALOGUE names by their addresses. Nothing else of Fieldglass downloads them.

    The same command goes on where it was stopped. A host is asked for one picture at a time, with a pause between,
    and as its robots.txt says. Addresses of private networks and of this machine are refused, and so is what is no
    picture. Exits with 3 when some could not be had; `fieldglass problems` says why, once they are indexed.

    \b
    Examples:
      fieldglass fashion fetch feed.tsv --to pictures
      fieldglass fashion fetch feed.tsv --to pictures --pause 1 --limit 1000
      fieldglass fashion index feed.tsv --to shop.collection --set pictures=pictures
    """
    from fieldglass.cli.lazy import INTERRUPTED, JOURNALLED
    from fieldglass.options import parse
    from fieldglass.registry import registry
    from fieldglass_fashion.cli.telling import Teller
    from fieldglass_fashion.fetch.run import Limits
    from fieldglass_fashion.fetch.run import fetch as bring

    loader = registry().create("loaders", "fashion/catalogue", parse(settings))
    limits = Limits(limit or 0, max_mb << 20, (total_mb or 0) << 20, timeout, pause, hosts)
    with Teller() as teller:
        done = bring(_addresses(loader, catalogue), folder, limits=limits, again=again, progress=teller)
    click.echo(str(done))
    if done.stopped:
        click.echo(f"stopped: {done.stopped}; the same command goes on from here.", err=True)
        click.get_current_context().exit(INTERRUPTED if done.stopped == "interrupted" else 1)
    if done.failed:
        _why(folder)
        click.get_current_context().exit(JOURNALLED)


def _why(folder: Path) -> None:
    """The most frequent reasons why pictures are not here; the journal of an index has those of each."""
    from contextlib import closing

    from fieldglass_fashion.fetch.ledger import Ledger

    private = False
    with closing(Ledger.open(folder)) as ledger:
        for reason, count, url in ledger.reasons(_SHOWN):
            click.echo(f"  {count:,}: {reason} ({url})", err=True)
            private = private or "not a public address" in reason
    if private:
        click.echo(
            "If their files are on this machine, nothing need be fetched: --set pictures=FOLDER finds them.", err=True
        )


def _addresses(loader: Catalogue, catalogue: Path) -> Iterator[str]:
    from fieldglass.loaders.rows import BadRow
    from fieldglass_fashion.catalogue.pictures import is_remote

    for entry in loader.entries(catalogue):
        if not isinstance(entry, BadRow):
            yield from filter(is_remote, entry.pictures)

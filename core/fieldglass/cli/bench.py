"""`fieldglass bench`: what is known of each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fieldglass.cli.output import echo_json, echo_table, format_option

if TYPE_CHECKING:
    from fieldglass.benchmarks import BenchmarkCard

__all__ = ["bench"]


@click.group(short_help="What is known of each benchmark.")
def bench() -> None:
    """Cards of the published protocols: paper, licence, files, counts and numbers."""


@bench.command("cards", short_help="List all cards, or show one.")
@click.argument("name", required=False)
@format_option
def cards(name: str | None, form: str) -> None:
    """All cards, or everything on one of them.

    \b
    Examples:
      fieldglass bench cards
      fieldglass bench cards cirr
      fieldglass bench cards --format json
    """
    from fieldglass import benchmarks

    found = [benchmarks.card(name)] if name else list(benchmarks.cards().values())
    if form == "json":
        echo_json([_plain(card) for card in found])
    elif name is None:
        rows = [[card.name, card.paper, card.licence, len(card.rows), card.summary] for card in found]
        echo_table(["name", "paper", "licence", "results", "summary"], rows)
    else:
        (card,) = found
        for label in ("summary", "paper", "source", "licence", "protocol", "layout"):
            click.echo(f"{label:9} {getattr(card, label)}")
        for what, count in card.counts.items():
            click.echo(f"{'count':9} {what}: {count}")
        for row in card.rows:
            numbers = ", ".join(f"{metric} {value:g}" for metric, value in row.metrics.items())
            source = row.source if row.evidence == "paper" else f"{row.source}, as another publication repeats it"
            click.echo(f"{'result':9} {row.method} {row.backbone} {row.split} ({source}): {numbers}")


def _plain(card: BenchmarkCard) -> dict[str, Any]:
    """What the card says, without what it leaves open."""
    found: dict[str, Any] = {}
    for name, value in vars(card).items():
        if not value:
            continue
        if isinstance(value, Mapping):
            found[name] = dict(value)
        elif isinstance(value, tuple):
            found[name] = [{**vars(row), "metrics": dict(row.metrics)} for row in value]
        else:
            found[name] = value
    return found

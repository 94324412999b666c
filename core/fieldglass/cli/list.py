"""`fieldglass list`: what can be asked for by name."""

from __future__ import annotations

import click

from fieldglass.cli.output import echo_json, echo_table, format_option

__all__ = ["list_"]


@click.command("list")
@click.argument("kind", required=False)
@format_option
def list_(kind: str | None, form: str) -> None:
    """What the core and its plugins offer: encoders, composers, loaders, indexes ...

    \b
    Examples:
      fieldglass list
      fieldglass list encoders
      fieldglass list composers --format json
    """
    from fieldglass.registry import KINDS, registry

    found = registry()
    rows = [
        {
            "kind": each,
            "name": offer.name,
            "plugin": found.owner(each, offer.name),
            "provides": sorted(offer.provides),
            "summary": offer.summary,
        }
        for each in ([kind] if kind else KINDS)
        for offer in found.offers(each).values()
    ]
    if form == "json":
        echo_json(rows)
    elif rows:
        columns = ["name", "plugin", "provides", "summary"] if kind else ["kind", "name", "plugin", "summary"]
        echo_table(columns, ([row[column] for column in columns] for row in rows))
    else:
        click.echo(f"No {kind} are installed.", err=True)

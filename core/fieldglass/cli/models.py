"""`fieldglass models`: checkpoints by name, on the hub and on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import click

from fieldglass.cli.output import bytes_text, echo_json, echo_table, format_option

__all__ = ["models"]

_NAMES = "NAME is a card's name, open_clip:MODEL:TAG, timm:MODEL.TAG or hf-hub:ORG/REPO."


@click.group()
def models() -> None:
    """List, fetch and check model weights.

    Only `pull` downloads. Indexing and searching use what is on this machine.

    \b
    Examples:
      fieldglass models list --family open_clip
      fieldglass models pull clip-vit-b-32-laion2b
      fieldglass models verify mini
    """


@models.command("list")
@click.option("--family", help="Only the checkpoints of one encoder: mini, open_clip, timm ...")
@click.option("--all", "everything", is_flag=True, help="Every name the libraries know, not only those with a card.")
@format_option
def list_(family: str | None, everything: bool, form: str) -> None:
    """The checkpoints that have a card, and whether they are on this machine."""
    from fieldglass.models import cards
    from fieldglass.models.local import present
    from fieldglass.models.sources import known

    if everything:
        names = known(family)
        if form == "json":
            echo_json(names)
        else:
            click.echo("\n".join(names))
        return
    rows = [
        {
            "name": card.name,
            "encoder": card.family,
            "here": present(card.name),
            "dim": card.dim,
            "bytes": card.size_bytes,
            "licence": card.licence,
            "summary": card.summary,
        }
        for card in cards().values()
        if card.source and family in (None, card.family)
    ]
    if form == "json":
        echo_json(rows)
    elif rows:
        shown = (
            {**row, "here": "yes" if row["here"] else "", "bytes": bytes_text(int(str(row["bytes"])))} for row in rows
        )
        columns = ["name", "encoder", "here", "dim", "bytes", "licence", "summary"]
        echo_table(columns, ([row[column] for column in columns] for row in shown), right="dim bytes")
    else:
        click.echo(f"No checkpoint of the family {family!r} has a card.", err=True)


@models.command()
@click.argument("name")
@format_option
def show(name: str, form: str) -> None:
    """Everything that a card says."""
    from fieldglass.models import card

    described = card(name)
    found = {field.name: getattr(described, field.name) for field in fields(described)}
    found = {key: dict(value) if isinstance(value, Mapping) else value for key, value in found.items() if value}
    if form == "json":
        echo_json(found)
        return
    for key, value in found.items():
        pairs = value.items() if isinstance(value, dict) else [("", value)]
        for inner, content in pairs:
            click.echo(f"{' '.join(filter(None, (key, inner)))}: {content}")


@models.command(epilog=_NAMES)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def pull(names: tuple[str, ...]) -> None:
    """Fetch weights from the Hugging Face hub; what was broken off goes on."""
    from fieldglass.models.local import pull as fetch

    for name in names:
        for found in fetch(name):
            click.echo(found)


@models.command(epilog=_NAMES)
@click.argument("name")
def path(name: str) -> None:
    """Where the files of a checkpoint lie on this machine, weights first."""
    from fieldglass.models.local import files

    for found in files(name):
        click.echo(found)


@models.command(epilog=_NAMES + " A file or folder is checked as --weights would take it.")
@click.argument("name")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="An option of the encoder; repeatable.")
@click.option("--encoder", help="The encoder of a file; else open_clip, or timm beside its config.json.")
def verify(name: str, pairs: tuple[str, ...], encoder: str | None) -> None:
    """Read every byte, compare hashes, load the tensors, and encode a picture and a sentence."""
    from fieldglass.models.check import verify as check
    from fieldglass.options import parse

    options = parse(pairs)
    for found in check(name, {**options, "encoder": encoder} if encoder else options):
        click.echo(f"{found.what}: {found.found}")

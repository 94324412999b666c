"""`fieldglass new`: the skeleton of a plugin."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["new"]


@click.group("new", short_help="Write the skeleton of a plugin.")
def new() -> None:
    """Write the skeleton of a plugin."""


@new.command("domain")
@click.argument("name")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), default=".", show_default="here",
    help="The folder to write fieldglass-NAME into.",
)  # fmt: skip
def domain(name: str, folder: Path) -> None:
    """Write a plugin with an encoder, a command and passing tests: six files to change.

    \b
    Examples:
      fieldglass new domain histology
      pip install -e fieldglass-histology && pytest fieldglass-histology
    """
    from fieldglass.scaffold import write_domain

    written = write_domain(name, folder)
    top = written[0].parent
    for path in written:
        click.echo(path)
    click.echo(f"\nnext: pip install -e {top} && pytest {top}", err=True)

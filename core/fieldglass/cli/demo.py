"""`fieldglass demo`: real photographs, indexed and searched, as a table and a page."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["demo"]


@click.command(short_help="Index real photographs and search them.")
@click.argument("name", default="photographs")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), default="demo", show_default=True,
    help="Where pictures, collection and page are written.",
)  # fmt: skip
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
def demo(name: str, folder: Path, show: bool) -> None:
    """Index pictures that installed packages carry, search them, and write a table and a page.

    `fieldglass list demos` shows the demos of the plugins.

    \b
    Examples:
      fieldglass demo
      fieldglass demo --to /tmp/demo --open
    """
    from fieldglass.cli.output import echo_table
    from fieldglass.cli.progress import Meter
    from fieldglass.demo import run
    from fieldglass.registry import registry

    made = registry().create("demos", name, {"folder": folder / name})
    with Meter(1) as meter:
        done = run(made, folder / name, progress=meter.update)
        meter.add(done.report)
    click.echo(meter.line())
    for number, result in enumerate(done.results, 1):
        click.echo(f"\n{number}. {result.asked}")
        rows = ([hit.rank, f"{hit.score:.3f}", hit.id] for hit in result)
        echo_table(["rank", "score", "id"], rows, right="rank score")
    click.echo(f"\ncollection: {done.collection}\npage: {done.page}")
    if done.map is not None:
        click.echo(f"map: {done.map}")
    if show:
        click.launch(str(done.page.resolve()))

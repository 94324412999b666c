"""`fieldglass index`: takes pictures into a collection, shows how far it is, and stops cleanly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.lazy import INTERRUPTED, JOURNALLED
from fieldglass.errors import UsageError

__all__ = ["index"]


@click.command(short_help="Take pictures into a collection.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--to", "collection", required=True, type=click.Path(path_type=Path), help="The collection; made if new.")
@click.option("--loader", metavar="NAME", help="How SOURCE is read; guessed from it.")
@click.option("--encoder", metavar="NAME", help="What makes the vectors: `mini` for a new collection, else its own.")
@click.option("--weights", type=click.Path(path_type=Path), metavar="FILE", help="A checkpoint for the encoder.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE",
    help="An option of the loader or encoder; loader.NAME= or encoder.NAME= where both have it.",
)  # fmt: skip
@click.option(
    "--metadata", "hooks", multiple=True, metavar="PLUGIN.NAME=VALUE",
    help="An option of a plugin's metadata hook: geo.round_coords=3. The collection keeps it.",
)  # fmt: skip
@click.option("--name", help="The name of the source; by default that of its folder.")
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True, help="Items encoded together.")
@click.option("--workers", type=click.IntRange(1), help="Decoding threads; by default as many as cores.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many items.")
@click.option("--prune", is_flag=True, help="Remove items that are no longer in SOURCE.")
@click.option("--rehash", is_flag=True, help="Look at the content of files, not at size and time alone.")
def index(
    sources: tuple[str, ...],
    collection: Path,
    loader: str | None,
    encoder: str | None,
    weights: Path | None,
    settings: tuple[str, ...],
    hooks: tuple[str, ...],
    name: str | None,
    **options: Any,
) -> None:
    """Take the pictures of folders, files and tables into a collection.

    What is unchanged is passed over, so the same command goes on where it was stopped. `-` reads
    paths from standard input. Several SOURCEs become several sources of the collection. Exits
    with 3 when some items could not be taken; `fieldglass problems` lists them.

    \b
    Examples:
      fieldglass index holiday --to holiday.collection
      fieldglass index holiday --to holiday.collection --prune
      fieldglass index "archive/20*" --to archive.collection --workers 8
      find holiday -name "*.jpg" | fieldglass index - --to holiday.collection
      fieldglass index products.csv --to shop.collection --set path_column=image_file
      fieldglass index photos --to clip.collection --encoder open_clip --set model=ViT-B-32 \\
          --weights ViT-B-32.safetensors
    """
    from fieldglass.cli.progress import Meter
    from fieldglass.cli.sources import check, expand, opened, settings_of
    from fieldglass.ingest.hook_options import parse_options

    given = expand(sources, loader)
    if options["prune"] and any("only" in source.options for source in given):
        raise UsageError("--prune compares a whole source with the collection.", hint="Give the folder, not its files.")
    if name is not None and len(given) > 1:
        raise UsageError(f"--name {name!r} cannot name {len(given)} sources.", hint="Index them one by one.")
    loader_options, encoder_options = settings_of(settings, given[0].loader, encoder, collection, weights)
    check(given, loader_options)
    metadata_options = parse_options(hooks)
    with opened(collection, encoder, encoder_options) as target, Meter(len(given)) as meter:
        if any((target.path / "incoming").glob("*")):
            meter.say("taking what workers have finished")
            target.adopt()
        for source in given:
            report = target.index(
                source.path,
                name=name,
                loader=source.loader,
                loader_options={**source.options, **loader_options},
                metadata_options=metadata_options,
                progress=meter.update,
                stop=meter.stop,
                **options,
            )
            meter.add(report)
            if report.interrupted:
                break
        if not meter.stop.is_set():
            target.build(progress=meter.say)
    click.echo(meter.line())
    _end(collection, meter.problems, meter.stop.is_set())


def _end(collection: Path, problems: int, stopped: bool) -> None:
    context = click.get_current_context()
    if stopped:
        click.echo("stopped: what was taken stays; the same command goes on from here.", err=True)
        context.exit(INTERRUPTED)
    if problems:
        click.echo(f"`fieldglass problems {collection}` lists what could not be taken.", err=True)
        context.exit(JOURNALLED)

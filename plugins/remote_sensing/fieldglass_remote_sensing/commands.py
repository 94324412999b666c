"""`fieldglass rs`: the commands of the core, with sensors, dates, cloud, indices, chips and an inventory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fieldglass.cli.eval import eval_
from fieldglass.cli.index import index as core_index
from fieldglass.cli.search import run
from fieldglass.cli.search import search as core_search
from fieldglass.errors import UsageError
from fieldglass_remote_sensing.constraints import MaxCloud, condition, scene_options

__all__ = ["rs"]

_CHIPS = click.option(
    "--export-chips", "chips", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write each hit as a GeoTIFF on the grid of its scene.",
)  # fmt: skip


@click.group(short_help="Satellite and aerial scenes.")
def rs() -> None:
    """Satellite and aerial scenes: list them, index them, search them by text, by chip and by both.

    \b
    Examples:
      fieldglass rs scan scenes
      fieldglass rs index scenes --to scenes.collection
      fieldglass rs search scenes.collection --text "flooded fields near a river" --date 2023-05/2023-06
      fieldglass rs similar scenes.collection chip.tif --bbox 5,52,7,54 --out hits.geojson
      fieldglass rs compose scenes.collection chip.tif "with a harbour" --sensor s2 --max-cloud 20
      fieldglass rs change scenes.collection --like "june.tif#tile=0,3,7" --order changed
    """


def _searching(
    name: str, short: str, *, without: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the options of `fieldglass search`, but some, and those of scenes."""

    def made(function: Callable[..., Any]) -> click.Command:
        params = [each for each in core_search.params if each.name not in (*without, "queries", "collection")]
        command = click.command(name, short_help=short)(function)
        for option in (*scene_options, _CHIPS):
            option(command)
        command.params = [*command.params, *params]
        rs.add_command(command)
        return command

    return made


def _answer(collection: Path, given: dict[str, Any], **query: Any) -> None:
    options = {"images": (), "likes": (), "texts": (), **given, **query}
    chips = options.pop("chips")
    options["where"] = condition(options)
    options["filters"] = [] if options["max_cloud"] is None else [MaxCloud(options["max_cloud"] / 100)]
    for name in ("date", "max_cloud", "sensor", "spectral"):
        del options[name]
    form, out, show = options.pop("form"), options.pop("out"), options.pop("show")
    run(collection, form, out, show, None, options, also=None if chips is None else lambda each: _export(each, chips))


def _export(result: Any, folder: Path) -> None:
    from fieldglass_remote_sensing.chips import export_chips

    written, failed = export_chips(result, folder)
    for each in failed:
        click.echo(f"no chip of {each}", err=True)
    click.echo(f"wrote {len(written)} chips to {folder}", err=True)


_COLLECTION = click.argument("collection", type=click.Path(path_type=Path))


@_searching("search", "Search by text, by chip, or by both.")
@_COLLECTION
def search(collection: Path, **options: Any) -> None:
    """Search scenes by text, by chip, or by both, where and when you say.

    \b
    Examples:
      fieldglass rs search scenes.collection --text "flooded fields" --aoi delta.gpkg --out hits.map.html
      fieldglass rs search scenes.collection --text "forest" --spectral "ndvi > 0.4" --max-cloud 20
      fieldglass rs search scenes.collection --text "ships" --sensor s1 --export-chips chips
    """
    _answer(collection, options)


@_searching("similar", "Tiles that look like a chip.", without=("images", "likes", "texts"))
@_COLLECTION
@click.argument("chip")
def similar(collection: Path, chip: str, **options: Any) -> None:
    """Tiles that look like CHIP: a file with a scene of one tile, or the id of a tile of the collection.

    \b
    Examples:
      fieldglass rs similar scenes.collection chip.tif --near 52.4,4.9,50
      fieldglass rs similar scenes.collection "scene.tif#tile=0,3,7" --exclude-self --out hits.geojson
    """
    _answer(collection, options, **_picture(chip))


@_searching("compose", "Like a chip, but as a text says.", without=("images", "likes", "texts"))
@_COLLECTION
@click.argument("chip")
@click.argument("text")
def compose(collection: Path, chip: str, text: str, **options: Any) -> None:
    """Tiles like CHIP, changed as TEXT says; the weight of the text is that of the encoder's card.

    \b
    Examples:
      fieldglass rs compose scenes.collection chip.tif "rectangular"
      fieldglass rs compose scenes.collection chip.tif "with a harbour" --set text_weight=0.6 --out hits.map.html
    """
    _answer(collection, options, texts=(text,), **_picture(chip))


@_searching("change", "The same place at another date.", without=("composer",))
@_COLLECTION
@click.option("--order", type=click.Choice(["alike", "changed"]), help="What comes first; the most alike by default.")
@click.option("--days", type=click.IntRange(1), help="At least so many days apart; 1 by default.")
@click.option("--overlap", type=click.FloatRange(0, 1, min_open=True), help="Share of the smaller footprint; 0.5.")
@click.option("--before", "when", flag_value="before", help="Only what was taken before.")
@click.option("--after", "when", flag_value="after", help="Only what was taken after.")
def change(collection: Path, **options: Any) -> None:
    """The place of a tile (--like ID) or of a chip with a place and a date (--image FILE) at other dates.

    \b
    Examples:
      fieldglass rs change scenes.collection --like "june.tif#tile=0,3,7" --order changed
      fieldglass rs change scenes.collection --image chip.tif --text "flooded" --after --days 5
    """
    given = {name: options.pop(name) for name in ("order", "days", "overlap", "when")}
    settings = tuple(f"{name}={value}" for name, value in given.items() if value is not None)
    _answer(collection, options, composer="rs/change", settings=(*settings, *options["settings"]))


@_searching("localize", "Where a description fits.", without=("images", "likes", "texts"))
@_COLLECTION
@click.option("--text", help="A description of the place.")
@click.option(
    "--text-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The same in a file."
)
def localize(collection: Path, text: str | None, text_file: Path | None, **options: Any) -> None:
    """Where a description fits: the tiles, with the place of each; a map by --out FILE.map.html.

    \b
    Examples:
      fieldglass rs localize scenes.collection --text-file report.txt -k 5 --out places.map.html
      fieldglass rs localize scenes.collection --text "a river bends round a town with two bridges"
    """
    if (text is None) == (text_file is None):
        raise UsageError("Give --text or --text-file, one of them.")
    if text is None and text_file is not None:
        if not text_file.is_file():
            raise UsageError(f"There is no file {str(text_file)!r}.")
        text = " ".join(text_file.read_text(encoding="utf-8-sig").split())
    _answer(collection, options, texts=(text,))


def _picture(chip: str) -> dict[str, tuple[str, ...]]:
    return {"images": (chip,)} if Path(chip).expanduser().exists() or chip == "-" else {"likes": (chip,)}


@click.command("index", short_help="Take scenes into a collection.")
@click.pass_context
def index(context: click.Context, collection: Path, loader: str | None, encoder: str | None, **options: Any) -> None:
    """Take the tiles of scenes into a collection: `fieldglass index` with `rs/scenes` and, for a new one, `rs/mini`.

    \b
    Examples:
      fieldglass rs index scenes --to scenes.collection
      fieldglass rs index scenes --to scenes.collection --set size=512 --set gsd=10 --encoder rs/mini
    """
    if encoder is None and not collection.exists():
        encoder = "rs/mini"
    context.invoke(core_index, collection=collection, loader=loader or "rs/scenes", encoder=encoder, **options)


index.params = list(core_index.params)
rs.add_command(index)


@click.command("eval", short_help="Run a benchmark of remote sensing.")
@click.pass_context
def evaluate(context: click.Context, benchmark: str, encoder: str, **options: Any) -> None:
    """Run a benchmark: `fieldglass eval` where the prefix `rs/` of benchmarks can be left out.

    \b
    Examples:
      fieldglass rs eval eurosat --root data/eurosat --encoder rs/mini
      fieldglass rs eval patterncom --root data/patterncom --composer weicom
    """
    from fieldglass.registry import registry

    known = registry().offers("benchmarks")
    name = f"rs/{benchmark}" if benchmark not in known and f"rs/{benchmark}" in known else benchmark
    context.invoke(eval_.commands["run"], benchmark=name, encoder=encoder, **options)


evaluate.params = list(eval_.commands["run"].params)
rs.add_command(evaluate)


@rs.command("scan", short_help="An inventory of scenes.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the loader `rs/scenes`.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def scan(folder: Path, settings: tuple[str, ...], form: str) -> None:
    """List the scenes of FOLDER from their headers: sensor and why, bands, CRS, pixels, no-data; then the problems.

    Exits with 3 where something could not be taken.

    \b
    Examples:
      fieldglass rs scan scenes
      fieldglass rs scan scenes --set sensor=aerial --format csv > inventory.csv
    """
    from fieldglass.cli.lazy import JOURNALLED
    from fieldglass.options import parse
    from fieldglass_remote_sensing.inventory import inventory, show

    if not folder.exists():
        raise UsageError(f"There is no folder or file {str(folder)!r}.")
    found = inventory(folder, parse(settings))
    show(found, form)
    if any(row["problem"] for row in found):
        click.get_current_context().exit(JOURNALLED)

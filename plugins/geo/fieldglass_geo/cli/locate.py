"""`fieldglass geo locate`: where photos were taken, by what they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.errors import FieldglassError, QueryError, UsageError
from fieldglass_geo.cli.areas import area_options, filters_of

if TYPE_CHECKING:
    from fieldglass.asking import Question
    from fieldglass.collection import Collection
    from fieldglass_geo.locating.located import Located

__all__ = ["locate"]

_COORDINATES = re.compile(r"-?[0-9.]+,-?[0-9.]+")  # the id of a place without a name
_NAMED = 3  # photos that a title names
_FORMS = ("table", "json", "csv", "geojson", "kml", "map", "html", "geoparquet", "gpkg")


@click.command(short_help="Where photos were taken, by what they show.")
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--gallery",
    "-g",
    required=True,
    type=click.Path(path_type=Path),
    help="Places, or geotagged photos, to locate among.",
)
@click.option("--text", help="Locate a description instead of a photo.")
@click.option("--like", "likes", multiple=True, metavar="ID", help="Locate an item of the gallery. Repeatable.")
@click.option("-k", "--top-k", "k", type=click.IntRange(0), default=5, show_default=True, help="Places to list.")
@area_options
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="The share of the probability within the radius that is told.",
)
@click.option("--bandwidth", default="25km", show_default=True, metavar="LENGTH", help="Places so close are one.")
@click.option(
    "--prior",
    type=click.Choice(["points", "count", "area"]),
    default="points",
    show_default=True,
    help="What places weigh before: the same, by their count, or even by area.",
)
@click.option(
    "--views",
    type=click.Choice(["one", "flip", "ten-crop", "panorama"]),
    default="one",
    show_default=True,
    help="Views of a photo to average over.",
)
@click.option("--neighbours", type=click.IntRange(0), help="How many photos vote; 0 scores all. 32 among photos.")
@click.option("--scale", type=click.FloatRange(0, min_open=True), help="What cosines are multiplied by; the encoder's.")
@click.option("--exclude-self", is_flag=True, help="The photo itself, where the gallery has it, does not vote.")
@click.option("--format", "form", type=click.Choice(_FORMS), help="How to print; by default what --out says, or table.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write to a file: .json .csv .geojson .kml .gpkg .map.html"
)
@click.option("--map", "drawn", type=click.Path(path_type=Path), metavar="FILE", help="Also write a map: an HTML page.")
def locate(photos: tuple[Path, ...], gallery: Path, k: int, **options: Any) -> None:
    """Where PHOTOS (files and folders) were taken: the best point, its radius of uncertainty, the likeliest places.

    In a gallery of places (`fieldglass geo gallery`) GeoCLIP scores every place. In a collection of geotagged photos,
    of any encoder, the most alike photos vote. The probability is over the places of the gallery that the filter
    leaves, so a gallery that lacks the true place gives a wrong one. Exits with 3 where a photo could not be read.

    \b
    Examples:
      fieldglass geo locate beach.jpg --gallery world.collection
      fieldglass geo locate beach.jpg --gallery world.collection --country IS --map beach.html
      fieldglass geo locate scans --gallery holiday.collection --out scans.geojson
      fieldglass geo locate street.jpg --gallery tiles.collection --within city.geojson -k 10
      fieldglass geo locate --text "a desert highway with red rocks" --gallery world.collection
    """
    import fieldglass
    from fieldglass.cli.lazy import JOURNALLED
    from fieldglass_geo.lengths import kilometres
    from fieldglass_geo.locating.locator import Locator

    if not photos and not options["text"] and not options["likes"]:
        raise QueryError("Nothing is asked.", hint="Give photos, --text or --like.")
    files = list(_files(photos))
    where = filters_of(options)
    bandwidth = kilometres(options["bandwidth"], "--bandwidth")
    with fieldglass.open(gallery) as opened:
        locator = Locator(
            opened,
            scale=options["scale"],
            neighbours=options["neighbours"],
            prior=options["prior"],
            bandwidth_km=bandwidth,
            coverage=options["coverage"],
            kind=options["views"],
        )
        rest = {"where": where, "exclude_self": options["exclude_self"]}
        failed: list[str] = []
        questions = _questions(opened, files, options, rest, failed)
        found = list(_shown(locator.locate(questions, k=k), len(files) + len(options["likes"]) + bool(options["text"])))
        if found:
            _give(found, locator, opened.ask(place=(0.0, 0.0), **rest).asked, options)
    if failed or not found:
        click.get_current_context().exit(JOURNALLED)


def _questions(
    opened: Collection, files: list[Path], options: dict[str, Any], rest: dict[str, Any], failed: list[str]
) -> Iterator[Question]:
    """What is to be located; a photo that cannot be read is said, and the next one follows."""
    for path in files:
        try:
            yield opened.ask(image=path, **rest)
        except FieldglassError as error:
            if len(files) == 1:
                raise
            failed.append(str(path))
            click.echo(f"{path}: {error.message}", err=True)
    for like in options["likes"]:
        yield opened.ask(like=like, **rest)
    if options["text"]:
        yield opened.ask(text=options["text"], **rest)


def _files(photos: tuple[Path, ...]) -> Iterator[Path]:
    from fieldglass.loaders.files import Files
    from fieldglass.types import Item

    for path in photos:
        if path.is_dir():
            yield from (path / name for each in Files().scan(path) if isinstance(each, Item) for name in each.paths)
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"There is no file or folder {str(path)!r}.")


def _shown(found: Iterator[Located], total: int) -> Iterator[Located]:
    """With a bar on a terminal."""
    from fieldglass.cli.progress import Meter

    with Meter(1) as meter:
        for number, each in enumerate(found, 1):
            if total > 1:
                meter.show("locating", number, total, "")
            yield each
            if meter.stop.is_set():
                return


def _give(found: list[Located], locator: Any, asked: Any, options: dict[str, Any]) -> None:
    from dataclasses import replace

    from fieldglass.cli.output import as_json
    from fieldglass.cli.search import give
    from fieldglass.report.files import form_of, save
    from fieldglass.result import Picture
    from fieldglass_geo.locating.results import as_dict, result_of

    form, out, drawn = options["form"], options["out"], options["drawn"]
    form = form or (form_of(out) if out else None) or "table"
    shown = tuple(Picture(each.name, preview=each.preview) for each in found[:_NAMED])
    result = result_of(found, locator, replace(asked, place=None, pictures=shown))
    if drawn is not None:
        save(result, drawn, "map")
        click.echo(f"wrote {drawn}", err=True)
    if form == "table" and out is None:
        _table(found)
    elif form == "json":
        text = as_json([as_dict(each) for each in found]) + "\n"
        _write(text, out)
    else:
        give(result, form, out)
    for note in result.notes:
        click.echo(f"note: {note}", err=True)


def _write(text: str, out: Path | None) -> None:
    if out is None or str(out) == "-":
        click.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    click.echo(f"wrote {out}", err=True)


def _table(found: list[Located]) -> None:
    from fieldglass.cli.output import echo_table

    rows: list[list[Any]] = []
    for each in found:
        known = [each.names[name] for name in ("place", "admin1", "country_name") if name in (each.names or {})]
        names = ", ".join(dict.fromkeys(known)) or ("" if each.names is None else "at sea")
        rows.append(
            [each.name, "best", f"{each.lat:.4f}", f"{each.lon:.4f}", f"{each.radius_km:.0f}", each.probability, names]
        )
        for rank, place in enumerate(each.places, 1):
            told = [str(place.metadata[n]) for n in ("place", "admin1", "country") if place.metadata.get(n)]
            if not told or not _COORDINATES.fullmatch(place.id):
                told.insert(0, place.id)
            where = ", ".join(dict.fromkeys(told))
            rows.append(["", rank, f"{place.lat:.4f}", f"{place.lon:.4f}", "", place.probability, where])
    share = f"{100 * found[0].coverage:.0f} %"
    echo_table(
        ["photo", "rank", "lat", "lon", "km", "probability", "place"],
        rows,
        title=f"Within km of the best point lies {share} of the probability",
        right="rank lat lon km probability",
    )

"""`fieldglass geo gallery`: places to locate photos among."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from fieldglass.cli.output import echo_json, echo_table, format_option
from fieldglass.errors import LoaderError, UsageError

__all__ = ["gallery"]

_ENCODER = "geo/geoclip"
_BATCH = 1024  # places: each is a few numbers
_SETTING = re.compile(r"--set (lat|lon|crs)= ?")
_SHOWN = 3  # problems that are told at once

_to = click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), help="The gallery, made where there is none."
)
_encoder = click.option("--encoder", help=f"What encodes the places; {_ENCODER} for a new gallery.")
_encoder_settings = click.option(
    "--encoder-set", "encoder_settings", multiple=True, metavar="NAME=VALUE", help="An option of the encoder."
)
_crs = click.option("--crs", metavar="CRS", help="The reference system of the file: EPSG:32633, or latlon if swapped.")


@click.group(short_help="Places to locate photos among.")
def gallery() -> None:
    """Galleries: collections of places without pixels, encoded once, that photos are located among.

    \b
    Examples:
      fieldglass geo gallery build --default-100k --to world.collection
      fieldglass geo gallery build hotels.csv --to hotels.collection --thin 200m
      fieldglass geo gallery grid --polygon delta.geojson --spacing 1km --to delta.collection
      fieldglass geo gallery info world.collection
    """


@gallery.command("build", short_help="From photos, a table or shapes.")
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--default-100k", "carried", is_flag=True, help="The 100 000 places that the package geoclip carries.")
@_to
@_encoder
@_encoder_settings
@click.option("--thin", metavar="LENGTH", help="No two places closer than this: 1km, 500m.")
@click.option("--lat", metavar="COLUMN", help="The column of the latitude; guessed.")
@click.option("--lon", metavar="COLUMN", help="The column of the longitude; guessed.")
@click.option("--id-column", metavar="COLUMN", help="The column that names a place; its coordinates do without.")
@_crs
@click.option("--allow-zero", is_flag=True, help="Take the place 0, 0, which devices write when they do not know.")
def build(source: Path | None, carried: bool, target: Path, thin: str | None, **options: Any) -> None:
    """A gallery of the distinct places of SOURCE: a table with lat and lon, GeoParquet, GeoJSON, GeoPackage, a
    shapefile, a folder of photos with GPS, or a collection. `count` says how often each was there.

    Running it again takes in what is new, and encodes nothing twice.

    \b
    Examples:
      fieldglass geo gallery build --default-100k --to world.collection
      fieldglass geo gallery build photos --to places.collection --thin 1km
      fieldglass geo gallery build stations.csv --lat Breite --lon Laenge --id-column name --to stations.collection
      fieldglass geo gallery build survey.csv --lat northing --lon easting --crs EPSG:25832 --to survey.collection
    """
    if (source is None) == (not carried):
        raise UsageError("Give SOURCE or --default-100k, one of them.")
    from fieldglass_geo.gallery.carried import carried_points
    from fieldglass_geo.lengths import kilometres

    settings = {name: options.pop(name) for name in ("lat", "lon", "id_column", "crs", "allow_zero")}
    settings["thin_km"] = kilometres(thin, "--thin") if thin else 0.0
    settings = {name: value for name, value in settings.items() if value}
    _index(source or carried_points(), target, "geo/places", settings, options)


@gallery.command("grid", short_help="A grid over an area.")
@click.option("--polygon", required=True, type=click.Path(path_type=Path), help="GeoJSON, GeoPackage, shapefile, ...")
@click.option("--spacing", required=True, metavar="LENGTH", help="From one point to the next: 1km, 500m.")
@_to
@_encoder
@_encoder_settings
@_crs
def grid(polygon: Path, spacing: str, target: Path, crs: str | None, **options: Any) -> None:
    """A gallery of points as far apart on the ground as you say, wherever on the globe the polygon lies.

    \b
    Examples:
      fieldglass geo gallery grid --polygon delta.geojson --spacing 1km --to delta.collection
      fieldglass geo gallery grid --polygon parish.gpkg --spacing 250m --to parish.collection
    """
    from fieldglass_geo.lengths import kilometres

    settings: dict[str, Any] = {"spacing_km": kilometres(spacing, "--spacing"), **({"crs": crs} if crs else {})}
    _index(polygon, target, "geo/grid", settings, options)


@gallery.command("info", short_help="What a gallery holds.")
@click.argument("collection", type=click.Path(path_type=Path))
@format_option
def info(collection: Path, form: str) -> None:
    """Places, their bounds, how close they lie, the encoder and where they come from.

    \b
    Examples:
      fieldglass geo gallery info world.collection
      fieldglass geo gallery info world.collection --format json
    """
    import fieldglass
    from fieldglass_geo.gallery.summary import summary

    with fieldglass.open(collection) as opened:
        found = summary(opened)
    if form == "json":
        echo_json(found)
    else:
        echo_table(["what", "value"], list(found.items()))


def _index(source: Path, target: Path, loader: str, settings: dict[str, Any], options: dict[str, Any]) -> None:
    from fieldglass.cli.lazy import INTERRUPTED, JOURNALLED
    from fieldglass.cli.progress import Meter
    from fieldglass.cli.sources import opened
    from fieldglass.options import parse

    if not source.exists():
        raise UsageError(f"There is no file or folder {str(source)!r}.")
    encoder = options["encoder"] or (None if target.exists() else _ENCODER)
    with opened(target, encoder, parse(options["encoder_settings"], "--encoder-set")) as made, Meter(1) as meter:
        try:
            report = made.index(
                source, loader=loader, loader_options=settings, batch=_BATCH, progress=meter.update, stop=meter.stop
            )
        except LoaderError as error:  # its hint is for `fieldglass index`; here the options have names of their own
            raise LoaderError(error.message, hint=_SETTING.sub(r"--\1 ", error.hint)) from error
        meter.add(report)
        click.echo(f"{meter.line()}; {len(made):,} places in {target}")
        for row in list(made.problems())[:_SHOWN]:
            click.echo(f"{row.subject}: {row.message}", err=True)
    context = click.get_current_context()
    if report.interrupted:
        click.echo("stopped: what was taken stays; the same command goes on from here.", err=True)
        context.exit(INTERRUPTED)
    if meter.problems:
        click.echo(f"`fieldglass problems {target}` lists what could not be taken.", err=True)
        context.exit(JOURNALLED)

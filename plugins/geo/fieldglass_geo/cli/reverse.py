"""`fieldglass geo reverse`: country, region and place of points, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.lazy import JOURNALLED
from fieldglass.cli.output import echo_json, echo_table, format_option
from fieldglass.errors import UsageError

__all__ = ["reverse"]

_LEVELS = {"country": 2, "admin1": 3, "place": 5}
_NAMES = ("country", "country_name", "admin1", "place", "place_km")


@click.command(short_help="Country, region and place of points, without a network.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--at", "points", multiple=True, metavar="LAT,LON", help="A point. Repeatable.")
@click.option(
    "--level", type=click.Choice(list(_LEVELS)), default="place", show_default=True, help="How fine the names are."
)
@click.option("--lat", default="", metavar="COLUMN", help="The latitude in a table; guessed.")
@click.option("--lon", default="", metavar="COLUMN", help="The longitude in a table; guessed.")
@click.option("--crs", default="", metavar="CRS", help="The reference system of a table or file: EPSG:32633.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.csv", help="Write the rows as CSV."
)
@format_option
@click.option("--json", "json_", is_flag=True, help="The same as --format json.")
def reverse(
    paths: tuple[Path, ...], points: tuple[str, ...], level: str, lat: str, lon: str, crs: str, out: Path | None,
    form: str, json_: bool,
) -> None:  # fmt: skip
    """Country, region and place of points: of tables, files of shapes, photos, folders of photos, collections.

    Countries are polygons of Natural Earth; region and place are those of the nearest place of GeoNames in the same
    country (CC BY 4.0, geonames.org), at most 100 km away. A point at sea has no country. Exits with 3 where a row
    or photo has no place.

    \b
    Examples:
      fieldglass geo reverse --at 64.15,-21.94 --at 55.68,12.57
      fieldglass geo reverse points.csv --level country --out named.csv
      fieldglass geo reverse holiday.collection --json
    """
    from fieldglass_geo.naming import named, rows_of, write_csv

    if not paths and not points:
        raise UsageError("There is nothing to name.", hint="Give files, folders or a collection, or --at LAT,LON.")
    rows, problems = rows_of(paths, points, lat, lon, crs)
    columns = _NAMES[: _LEVELS[level]]
    found: list[dict[str, Any]] = named(rows, columns)
    if out is not None:
        write_csv(out, found, ("id", "lat", "lon", *columns))
    if json_ or form == "json":
        echo_json(found)
    else:
        shown = ("id", "lat", "lon", *columns)
        table = [[f"{row[name]:.6g}" if name in ("lat", "lon") else row.get(name) for name in shown] for row in found]
        echo_table(shown, table, right="lat lon place_km")
    for each in problems[:20]:
        click.echo(each, err=True)
    if len(problems) > 20:
        click.echo(f"... and {len(problems) - 20} more without a place", err=True)
    if problems:
        click.get_current_context().exit(JOURNALLED)

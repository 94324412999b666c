"""The options that say where: a box, an area, a radius, a country."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fieldglass.cli.where import areas_of
from fieldglass.errors import UsageError

__all__ = ["area_options", "filters_of", "radius_of"]

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--within", "--aoi", "aoi", type=click.Path(path_type=Path), metavar="FILE",
        help="Only in the area of a GeoJSON, GeoPackage, shapefile.",
    ),
    click.option("--aoi-crs", metavar="CRS", help="The reference system of it: EPSG:32633, or latlon if swapped."),
    click.option("--bbox", metavar="W,S,E,N", help="Only in this box, degrees; W > E crosses the antimeridian."),
    click.option("--near", metavar="LAT,LON[,KM]", help="Only within so many kilometres of a place."),
    click.option("--radius", metavar="LENGTH", help="How far from --near: 50km, 800m."),
    click.option("--country", metavar="NAME", multiple=True, help="Only in this country: IS, Denmark. Repeatable."),
    click.option("--where", metavar="SQL", help="A filter over the columns."),
)  # fmt: skip


def area_options(command: _F) -> _F:
    """Adds them to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def filters_of(options: dict[str, Any]) -> list[Any]:
    """Takes them out of the options of a command: the filters that must all hold."""
    given = {name: options.pop(name) for name in ("aoi", "aoi_crs", "bbox", "near")}
    radius, countries, where = (options.pop(name) for name in ("radius", "country", "where"))
    given["near"] = radius_of(given["near"], radius)
    found: list[Any] = [where] if where else []
    if countries:
        from fieldglass_geo.countries import in_countries

        found.append(in_countries(countries))
    return [*found, *areas_of(given)]


def radius_of(near: str | None, radius: str | None) -> str | None:
    """--near with the kilometres of --radius."""
    from fieldglass_geo.lengths import kilometres

    if radius is None:
        return near
    if near is None or near.count(",") != 1:
        raise UsageError("--radius goes with --near LAT,LON.", hint="As in --near 36.1,-112.1 --radius 50km.")
    return f"{near},{kilometres(radius, '--radius')!r}"

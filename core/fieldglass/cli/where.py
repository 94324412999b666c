"""The options that say where hits may lie: a box, an area of a file, a radius."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.types import Filter

__all__ = ["areas_of", "degrees", "place_options"]

place_options = (
    click.option("--bbox", metavar="W,S,E,N", help="Only in this box, degrees; W > E crosses the antimeridian."),
    click.option(
        "--aoi", type=click.Path(path_type=Path), metavar="FILE", help="Only in the area of a GeoJSON, GPKG, shapefile."
    ),
    click.option("--aoi-crs", metavar="CRS", help="The reference system of --aoi: EPSG:32633, or latlon if swapped."),
    click.option("--near", metavar="LAT,LON,KM", help="Only within so many kilometres of a place."),
)


def areas_of(options: Mapping[str, Any]) -> list[Filter]:
    """The filters that --bbox, --aoi and --near ask for; all must hold."""
    if not any(options[name] for name in ("bbox", "aoi", "near")):
        if options["aoi_crs"]:
            raise UsageError("--aoi-crs says how to read --aoi, and there is none.")
        return []
    from fieldglass.spatial import Near, box, read_area

    found: list[Filter] = []
    if options["bbox"]:
        found.append(box(*degrees("--bbox", options["bbox"], "W,S,E,N")))
    if options["aoi"]:
        found.append(read_area(options["aoi"], options["aoi_crs"]))
    if options["near"]:
        found.append(Near(*degrees("--near", options["near"], "LAT,LON,KM")))
    return found


def degrees(option: str, text: str, form: str) -> list[float]:
    """ "5,52,7,54" -> numbers, as many as the form has."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(",")):
        raise UsageError(
            f"{option} takes {form}, not {text!r}.", hint="Numbers with a decimal point, and commas between."
        )
    return numbers

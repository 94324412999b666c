"""`fieldglass geo exif`: the position of each photo, and the problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.lazy import JOURNALLED
from fieldglass.cli.output import echo_json, echo_table, format_option
from fieldglass.errors import UsageError
from fieldglass_geo.cli.rules import rule_options, rules_of

__all__ = ["exif"]


@click.command(short_help="Where photos were taken, and what is wrong with what they say.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--csv", "report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.csv",
    help="Write the problems: file, code, message.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the positions as .csv or .geojson.",
)  # fmt: skip
@rule_options
@format_option
@click.option("--json", "json_", is_flag=True, help="The same as --format json.")
def exif(
    paths: tuple[Path, ...], report: Path | None, out: Path | None, form: str, json_: bool, **options: Any
) -> None:
    """Where the photos of PATHS (files and folders) were taken, from their headers; no pixel is decoded.

    Read are EXIF blocks, XMP packets, XMP and Google Takeout files beside the photos, and a GPX track. Exits with 3
    where a photo says something that cannot be used; a photo that says nothing is no problem.

    \b
    Examples:
      fieldglass geo exif holiday
      fieldglass geo exif holiday --csv problems.csv --out photos.geojson
      fieldglass geo exif holiday --gpx walk.gpx --offset +02:00 --max-gap 600
      fieldglass geo exif IMG_0001.jpg IMG_0002.heic --round-coords 3 --json
    """
    from fieldglass_geo.inventory import inventory, photos_of, write_places, write_problems

    for path in paths:
        if not path.exists():
            raise UsageError(f"There is no file or folder {str(path)!r}.")
    found = inventory(photos_of(paths), rules_of(options))
    if report is not None:
        write_problems(report, found)
    if out is not None:
        write_places(out, found)
    if json_ or form == "json":
        echo_json([each.row for each in found])
    else:
        names = ("file", "lat", "lon", "altitude", "taken_utc", "gps_source", "gps_problem")
        echo_table(names, [[_shown(each.row.get(name)) for name in names] for each in found], right="lat lon altitude")
    placed = sum("lat" in each.row for each in found)
    bad = sum(each.code not in ("", "gps-absent") for each in found)
    click.echo(f"{len(found)} photos, {placed} with a place, {bad} with a problem", err=True)
    if bad:
        click.get_current_context().exit(JOURNALLED)


def _shown(value: Any) -> Any:
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else value

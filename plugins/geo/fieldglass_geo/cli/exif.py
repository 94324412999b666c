"""`fieldglass geo exif`: the position of each photo, and the problems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from fieldglass.cli.output import echo_json, echo_table, format_option
from fieldglass.errors import UsageError

__all__ = ["exif"]


@click.command(short_help="Where photos were taken, and what is wrong with what they say.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@format_option
@click.option("--json", "json_", is_flag=True, help="The same as --format json.")
def exif(paths: tuple[Path, ...], form: str, json_: bool) -> None:
    """Where the photos of PATHS (files and folders) were taken, from their headers; no pixel is decoded.

    \b
    Examples:
      fieldglass geo exif holiday
      fieldglass geo exif IMG_0001.jpg IMG_0002.heic --json
    """
    from fieldglass_geo.exif import columns

    rows: list[dict[str, Any]] = [{"file": str(path), **columns((path,))} for path in _files(paths)]
    if json_ or form == "json":
        echo_json(rows)
        return
    names = ("file", "lat", "lon", "altitude", "gps_problem")
    echo_table(names, [[row.get(name) for name in names] for row in rows], right="lat lon altitude")


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    from fieldglass.loaders.formats import SUFFIXES

    for path in paths:
        if path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.suffix.lower() in SUFFIXES and each.is_file())
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"There is no file or folder {str(path)!r}.")

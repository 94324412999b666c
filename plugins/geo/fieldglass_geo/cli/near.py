"""`fieldglass geo near`: what lies near a place, nearest first; nothing is encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.errors import UsageError

__all__ = ["near"]


@click.command(short_help="What lies near a place, nearest first.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option("--at", metavar="LAT,LON", help="The place, in degrees.")
@click.option("--lat", type=float, help="Its latitude, in place of --at.")
@click.option("--lon", type=float, help="Its longitude.")
@click.option("--radius", required=True, metavar="LENGTH", help="How far: 2km, 800m.")
@click.option("-k", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@click.option("--where", metavar="SQL", help="A filter over the columns.")
@click.option("--format", "form", help="table, json, csv, geojson, kml, map, html, geoparquet or gpkg.")
@click.option("--out", type=click.Path(path_type=Path), help="Write to a file: .geojson .csv .kml .gpkg .map.html ...")
def near(collection: Path, radius: str, form: str | None, out: Path | None, **options: Any) -> None:
    """What lies within a radius of a place, of any collection whose items have one: photos, scenes, galleries.

    Footprints count by their nearest part, and the distance is that of their middle. Nothing is encoded or compared.

    \b
    Examples:
      fieldglass geo near holiday.collection --at 55.676,12.568 --radius 2km
      fieldglass geo near holiday.collection --lat 55.676 --lon 12.568 --radius 800m --out near.map.html
      fieldglass geo near world.collection --at -17.7,178.1 --radius 500km --format geojson > fiji.geojson
    """
    import fieldglass
    from fieldglass.cli.query import place_of
    from fieldglass.cli.search import give
    from fieldglass.report.files import SUFFIXES, form_of
    from fieldglass_geo.lengths import kilometres
    from fieldglass_geo.nearby import nearby

    forms = ("table", *SUFFIXES.values())
    form = form or (form_of(out) if out else None) or "table"
    if form not in forms:
        raise UsageError(f"There is no format {form!r}.", hint=f"Use {', '.join(dict.fromkeys(forms))}.")
    lat, lon = options["lat"], options["lon"]
    if (options["at"] is None) == (lat is None and lon is None) or (lat is None) != (lon is None):
        raise UsageError("Give --at LAT,LON, or --lat and --lon.")
    place = place_of(options["at"] or f"{lat!r},{lon!r}")
    with fieldglass.open(collection) as opened:
        km = kilometres(radius, "--radius")
        result = nearby(opened, *(place or (0.0, 0.0)), km, where=options["where"], k=options["k"])
        give(result, form, out)
        if form == "table" and not result.hits:
            return
        if result.matched and result.matched > len(result):
            click.echo(f"note: {result.matched:,} items lie there; these are the nearest {len(result):,}.", err=True)

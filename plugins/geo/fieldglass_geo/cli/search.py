"""`fieldglass geo search`: the search of the core, with --radius, --country and places that are spread out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.search import run
from fieldglass.cli.search import search as core_search
from fieldglass.errors import UsageError

__all__ = ["search"]


@click.command("search", short_help="Search by photo, text or place, within an area.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option("--within", type=click.Path(path_type=Path), metavar="FILE", help="The same as --aoi.")
@click.option("--radius", metavar="LENGTH", help="How far from --near LAT,LON: 50km, 800m.")
@click.option("--country", metavar="NAME", multiple=True, help="Only in this country: IS, Denmark. Repeatable.")
@click.option("--spread", metavar="LENGTH", help="The best hit of every area so wide first; then the others.")
def search(
    collection: Path,
    within: Path | None,
    radius: str | None,
    country: tuple[str, ...],
    spread: str | None,
    **options: Any,
) -> None:
    """Search a collection by photo, text or place (--place LAT,LON), where you say.

    In a gallery of places a text or photo finds places; in photos that `geo/geoclip` encoded, a place finds photos.

    \b
    Examples:
      fieldglass geo search world.collection --text "desert highway with red rocks" --near 36.1,-112.1 --radius 500km
      fieldglass geo search holiday.collection --image beach.jpg --country PT --out like.map.html
      fieldglass geo search world.collection --place 64.1466,-21.9426 --spread 300km --out like-reykjavik.map.html
      fieldglass geo search tiles.collection --text "a roundabout by a river" --within city.geojson
    """
    from fieldglass_geo.cli.areas import radius_of
    from fieldglass_geo.countries import in_countries
    from fieldglass_geo.lengths import kilometres

    if within is not None and options["aoi"] is not None:
        raise UsageError("--within and --aoi are the same; give one.")
    options["aoi"] = options["aoi"] or within
    options["near"] = radius_of(options["near"], radius)
    options["filters"] = [in_countries(country)] if country else []
    if spread is not None:
        if options["rerank"]:
            raise UsageError(f"--spread and --rerank {options['rerank']} both reorder; give one.")
        options["rerank"] = "geo/spread"
        options["rerank_settings"] = (f"km={kilometres(spread, '--spread')!r}", *options["rerank_settings"])
    form, out, show, queries = (options.pop(name) for name in ("form", "out", "show", "queries"))
    run(collection, form, out, show, queries, {"images": (), "likes": (), "texts": (), **options})


search.params = [*search.params, *(each for each in core_search.params if each.name != "collection")]

"""`fieldglass geo embed`: the vectors of places, as a file."""

from __future__ import annotations

from pathlib import Path

import click

from fieldglass.errors import UsageError

__all__ = ["embed"]

_BLOCK = 4096


@click.command(short_help="The vectors of places, as a file.")
@click.argument("points", type=click.Path(path_type=Path))
@click.option("--encoder", default="geo/geoclip", show_default=True, help="An encoder of places.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the encoder.")
@click.option("--loader-set", "loader_settings", multiple=True, metavar="NAME=VALUE", help="An option of `geo/places`.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="An .npy file, or .parquet with lat and lon."
)
def embed(points: Path, encoder: str, settings: tuple[str, ...], loader_settings: tuple[str, ...], out: Path) -> None:
    """One vector for each row of POINTS (a table with lat and lon, GeoParquet, GeoJSON, ...), in its order.

    No place is merged with another, so that row n of the file belongs to row n of the table; a table with a row
    that is no place is refused. Every encoder gets its own order of latitude and longitude.

    \b
    Examples:
      fieldglass geo embed points.csv --out vectors.npy
      fieldglass geo embed points.csv --encoder geo/satclip --set weights=satclip-vit16-l40.ckpt --out vectors.parquet
    """
    from fieldglass.options import parse
    from fieldglass_geo.embedding import embedded, write

    if out.suffix.lower() not in (".npy", ".parquet"):
        raise UsageError(f"{out.name!r} is neither .npy nor .parquet.")
    places, vectors, name = embedded(points, encoder, parse(settings), parse(loader_settings, "--loader-set"))
    write(out, places, vectors)
    click.echo(f"{len(vectors):,} places, {vectors.shape[1]} numbers each by {name}, in {out}", err=True)

"""`fieldglass explain`: what made one item a hit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.output import echo_json, echo_table, format_option
from fieldglass.cli.query import how, query_options, question_of

__all__ = ["explain"]


@click.command(short_help="Show what made one item a hit.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.argument("id")
@query_options
@format_option
def explain(collection: Path, id: str, form: str, **options: Any) -> None:
    """Show rank and score of the item ID for a query, and what each part of the query contributed.

    Raw scores are compared with the mean and standard deviation over the collection (z).

    \b
    Examples:
      fieldglass explain holiday.collection 2019/IMG_4711.jpg --text "a dog on a beach"
      fieldglass explain shop.collection dress/17.jpg --image red.jpg --text "longer" --format json
    """
    from dataclasses import asdict

    import fieldglass

    with fieldglass.open(collection) as opened:
        asked = how(options)
        found = opened.explain(id, question_of(opened, options), **asked)
    if form == "json":
        echo_json(asdict(found))
        return
    click.echo(f"{id}: rank {found.rank}, score {found.score:.4f}, by {found.composer}")
    columns = ["part", "field", "score", "mean", "std", "z", "calibrated", "weight", "contribution"]
    echo_table(
        columns,
        (
            [part.label, part.field, part.raw, part.mean, part.std, part.z, part.calibrated, part.weight, part.contribution]
            for part in found.probes
        ),
        right=" ".join(columns[2:]),
    )

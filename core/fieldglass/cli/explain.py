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
      fieldglass explain shop.collection dress/17.jpg --image red.jpg --rerank superglobal
    """
    from dataclasses import asdict

    import fieldglass

    with fieldglass.open(collection) as opened:
        found = opened.explain(id, question_of(opened, options), **how(options))
    if form == "json":
        echo_json(asdict(found))
        return
    rank = "barred by the filter" if found.rank is None else f"rank {found.rank}"
    click.echo(f"{id}: {rank}, score {found.score:.4f}, composer {found.composer}")
    if found.reranker:
        given = "" if found.reranked_score is None else f", score {found.reranked_score:.4f}"
        click.echo(f"re-ranked by {found.reranker}: rank {found.rank} -> {found.reranked}{given}")
    columns = ["label", "field", "score", "mean", "std", "z", "calibrated", "weight", "contribution"]
    rows = ([getattr(part, column) for column in columns] for part in found.parts)
    echo_table(["part", *columns[1:]], rows, right=" ".join(columns[2:]))
    for note in found.notes:
        click.echo(f"note: {note}", err=True)

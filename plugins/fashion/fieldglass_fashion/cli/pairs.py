"""`fieldglass fashion pairs`: pairs of products to write modification texts for."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["pairs"]


@click.command(short_help="Pairs of products that differ in something one could say.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.jsonl",
    help="One pair a line.",
)  # fmt: skip
@click.option("--low", type=click.FloatRange(-1, 1), default=0.6, show_default=True, help="The least similarity.")
@click.option("--high", type=click.FloatRange(-1, 1), default=0.9, show_default=True, help="The highest similarity.")
@click.option("--each", type=click.IntRange(1), default=1, show_default=True, help="Partners of a product.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many pairs.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which partners are drawn.")
@click.option("--where", metavar="SQL", help="A filter over the metadata columns.")
def pairs(
    collection: Path, out: Path, low: float, high: float, each: int, limit: int | None, seed: int, where: str | None
) -> None:
    """Find pairs of products of one category that are alike, but not the same, and write them as JSON lines.

    Each line has `reference` and `target` (ids), their `category` and `similarity`, and in `differs` the columns in
    which they are not the same. Texts for them, by a person or a model, make triplets to train and to test on.

    \b
    Examples:
      fieldglass fashion pairs shop.collection --out pairs.jsonl
      fieldglass fashion pairs shop.collection --out pairs.jsonl --low 0.5 --each 3 --where "in_stock"
    """
    from dataclasses import asdict

    import fieldglass
    from fieldglass_fashion.pairing import pairs as mined

    with fieldglass.open(collection) as opened:
        rows = [
            asdict(pair)
            for pair in mined(opened, low=low, high=high, each=each, limit=limit or 0, seed=seed, where=where)
        ]
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    click.echo(f"{len(rows):,} pairs in {out}")
    if not rows:
        click.echo(f"No two products of a category have a similarity of {low} to {high}; try other bounds.", err=True)

"""`fieldglass geo eval`: the benchmarks of geolocalisation."""

from __future__ import annotations

from typing import Any

import click

from fieldglass.cli.eval import eval_

__all__ = ["evaluate"]


@click.command("eval", short_help="Run a benchmark of geolocalisation.")
@click.pass_context
def evaluate(context: click.Context, benchmark: str, encoder: str, **options: Any) -> None:
    """Run a benchmark: `fieldglass eval` where the prefix `geo/` of benchmarks can be left out.

    \b
    Examples:
      fieldglass geo eval im2gps3k --root data/im2gps3k --encoder geo/geoclip
    """
    from fieldglass.registry import registry

    known = registry().offers("benchmarks")
    name = f"geo/{benchmark}" if benchmark not in known and f"geo/{benchmark}" in known else benchmark
    context.invoke(eval_.commands["run"], benchmark=name, encoder=encoder, **options)


evaluate.params = list(eval_.commands["run"].params)

"""`fieldglass fashion eval`: a benchmark of fashion, by its short name."""

from __future__ import annotations

from typing import Any

import click

from fieldglass.cli.eval import eval_

__all__ = ["evaluate"]

_RUN = eval_.commands["run"]


@click.command("eval", short_help="Run a benchmark of fashion.")
@click.pass_context
def evaluate(context: click.Context, benchmark: str, **options: Any) -> None:
    """Run a benchmark of fashion and compare with its paper: `fieldglass eval` without the prefix `fashion/`.

    \b
    Examples:
      fieldglass fashion eval fashioniq --root data/fashioniq --check
      fieldglass fashion eval fashioniq --root data/fashioniq --set gallery=val --composer sum
    """
    from fieldglass.registry import registry

    known = registry().offers("benchmarks")
    name = f"fashion/{benchmark}" if benchmark not in known and f"fashion/{benchmark}" in known else benchmark
    context.invoke(_RUN, benchmark=name, **options)


evaluate.params = list(_RUN.params)

"""`fieldglass eval`: a published protocol by one command; `eval matrix` and `eval compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.lazy import JOURNALLED
from fieldglass.cli.llm import llm_options

__all__ = ["eval_"]


class _Default(click.Group):
    """`eval NAME ...` is `eval run NAME ...` for every NAME that is not a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


@click.group("eval", cls=_Default, short_help="Run a benchmark and compare with its paper.")
def eval_() -> None:
    """Run a benchmark: `fieldglass eval BENCHMARK --root DIR` is short for `eval run BENCHMARK --root DIR`.

    \b
    Examples:
      fieldglass eval package-pictures
      fieldglass eval cirr --root data/cirr --check
      fieldglass eval cirr --root data/cirr --encoder open_clip --encoder-set model=ViT-B-32 \\
          --encoder-set pretrained=openai --composer sum --out cirr-sum.json
      fieldglass eval matrix package-pictures --composer image --composer text --composer weicom
      fieldglass eval roxford5k --root data/roxford5k --rerank superglobal --rerank-set beta=0.2
      fieldglass eval compare a.json b.json
    """


_ROOT = click.option("--root", type=click.Path(path_type=Path), help="The folder of the official files.")
_SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the benchmark.")

_RERANK = click.option("--rerank", metavar="NAME", help="A reranker of the first hits.")
_RERANK_SET = click.option("--rerank-set", "rerank_settings", multiple=True, metavar="NAME=VALUE", help="Its option.")


@eval_.command("run", short_help="One encoder and one composer.")
@click.argument("benchmark")
@_ROOT
@click.option("--encoder", metavar="NAME", help="What makes the vectors.  [default: what made --collection, else mini]")
@click.option("--encoder-set", "encoder_settings", multiple=True, metavar="NAME=VALUE", help="An encoder's option.")
@click.option("--weights", type=click.Path(path_type=Path), metavar="FILE", help="A checkpoint for the encoder.")
@click.option("--composer", metavar="NAME", help="How picture and text are joined; by what the queries hold.")
@click.option("--composer-set", "composer_settings", multiple=True, metavar="NAME=VALUE", help="Its option.")
@_RERANK
@_RERANK_SET
@_SET
@click.option("--collection", type=click.Path(path_type=Path), help="Vectors to use or to keep; else in the cache.")
@click.option("--check", is_flag=True, help="Look for what is missing; encode nothing.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many queries.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the result as JSON.")
@llm_options
@click.option("--submission", type=click.Path(path_type=Path), metavar="DIR", help="Where files for a server go.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def run(
    benchmark: str,
    root: Path | None,
    settings: tuple[str, ...],
    check: bool,
    form: str,
    **options: Any,
) -> None:
    """Embed the gallery once, search every query, and print our figures beside the paper's.

    With --check, says what the folder lacks and exits with 3 where that is something.
    """
    from fieldglass.cli.evaluating import benchmark_of, check_report, evaluated, show

    made, given = benchmark_of(benchmark, root, settings)
    if check:
        complete = check_report(made, form)
        click.get_current_context().exit(0 if complete else JOURNALLED)
    show(evaluated(benchmark, made, given, **options), form)


@eval_.command("matrix", short_help="Encoders times composers.")
@click.argument("benchmark")
@_ROOT
@click.option("--encoder", "encoders", multiple=True, default=["mini"], show_default=True, help="NAME or NAME:opt=x,..")
@click.option("--composer", "composers", multiple=True, required=True, help="NAME or NAME:option=value,...")
@_RERANK
@_RERANK_SET
@_SET
@click.option("--metric", metavar="NAME", help="The one to plot; the first.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many queries.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Result files, table.md and plot.png.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@llm_options
def matrix(benchmark: str, **options: Any) -> None:
    """Run every encoder with every composer; write a table and, with matplotlib, a plot.

    A pair that cannot be run (a composer that asks for more than the encoder has) is named, and the rest goes on.
    """
    from fieldglass.cli.evaluating import run_matrix

    run_matrix(benchmark, **options)


@eval_.command("compare", short_help="Two result files, query by query.")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def compare(first: Path, second: Path, form: str) -> None:
    """The difference of two runs with its 95 % interval, and the p-value of a paired randomisation test."""
    from fieldglass.cli.evaluating import show_comparison

    show_comparison(first, second, form)

"""`fieldglass train`: trains what a recipe offers, shows how far it is, and stops so that it can be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.cli.lazy import INTERRUPTED
from fieldglass.cli.output import echo_json

if TYPE_CHECKING:
    from fieldglass.cli.progress import Meter
    from fieldglass.training import Trained, TrainingProgress

__all__ = ["train"]


@click.command(short_help="Train what a recipe offers.")
@click.argument("recipe")
@click.option("--to", "run", required=True, type=click.Path(path_type=Path), help="The folder of the run.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the recipe.")
@click.option("--resume", is_flag=True, help="Go on with the run in --to; its options need not be given again.")
@click.option("--seed", type=click.IntRange(0), help="Of every random number: 0, or that of the run.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(1), help="Of torch on a CPU; by default as many as cores.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def train(recipe: str, run: Path, settings: tuple[str, ...], form: str, **options: Any) -> None:
    """Train what the recipe of that name offers; `fieldglass list recipes` shows all.

    The folder holds the log, a checkpoint and the best weights so far. Ctrl-C stops after the batch at hand, and
    --resume goes on exactly as if the run had never been stopped. A run whose loss is no longer finite ends with
    an error and keeps its last good checkpoint.

    \b
    Examples:
      fieldglass list recipes
      fieldglass train combiner --set triplets=pairs.csv --set collection=shop.collection --to run
      fieldglass train combiner --to run --resume
      fieldglass train combiner --set benchmark=fashioniq --set root=fashioniq --set encoder=open_clip \\
          --set encoder_options="model=RN50x4 pretrained=openai" --set bank=true --to fiq
      fieldglass train lincir --set captions=captions.txt --set model=ViT-B-32 --set pretrained=openai --to words
    """
    from fieldglass.cli.progress import Meter
    from fieldglass.options import parse
    from fieldglass.training import train as start

    with Meter(1) as meter:
        found = start(
            recipe,
            run,
            parse(settings),
            progress=lambda progress: _shown(meter, progress),
            stop=meter.stop,
            told=lambda what: click.echo(what, err=True),
            **options,
        )
    if form == "json":
        echo_json(_as_row(found))
    else:
        click.echo(_line(found))
    if found.stopped:
        click.echo(f"stopped: `fieldglass train {recipe} --to {run} --resume` goes on from here.", err=True)
        click.get_current_context().exit(INTERRUPTED)


def _shown(meter: Meter, progress: TrainingProgress) -> None:
    at = progress.at
    figures = {name: value for name, value in progress.loss.items() if name == "loss"} | progress.values
    said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    total = progress.batches * at.epochs if progress.batches else None
    meter.show(f"epoch {min(at.epoch + 1, at.epochs)} of {at.epochs}: {said}", at.step, total,
               f"{progress.steps_per_second:.1f}/s")  # fmt: skip


def _as_row(found: Trained) -> dict[str, Any]:
    return {
        "epochs": found.at.epoch,
        "steps": found.at.step,
        "loss": found.loss,
        "values": found.values,
        "best": found.best,
        "best_epoch": None if found.best_epoch is None else found.best_epoch + 1,
        "early": found.early,
        "stopped": found.stopped,
        "weights": found.weights,
    }


def _line(found: Trained) -> str:
    """The last line: epochs, steps, loss, best value, and where the weights are."""
    parts = [f"trained {found.at.epoch} epochs, {found.at.step} steps"]
    if found.loss is not None:
        parts.append(f"loss {found.loss:.4g}")
    if found.best is not None and found.best_epoch is not None:
        early = ", stopped early" if found.early else ""
        parts.append(f"best {found.best:.4g} after epoch {found.best_epoch + 1}{early}")
    if found.weights is not None:
        parts.append(f"weights in {found.weights}")
    return "; ".join(parts)

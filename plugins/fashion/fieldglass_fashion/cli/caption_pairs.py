"""`fieldglass fashion caption-pairs`: texts that lead from one product to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.cli.lazy import JOURNALLED
from fieldglass.cli.llm import llm_options

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass_fashion.captioning.describers import Describer

__all__ = ["caption_pairs"]


@click.command("caption-pairs", short_help="Texts that lead from one product to another, by a model or from columns.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option(
    "--pairs",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Columns reference and target, as `fieldglass fashion pairs` writes them.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.jsonl",
    help="Triplets, one a line; what is there already is not asked again.",
)
@click.option(
    "--stages",
    type=click.Choice(["facap", "good4cir"]),
    default="facap",
    show_default=True,
    help="Describe each picture alone, or the second beside the first.",
)
@click.option("--from-attributes", is_flag=True, help="No model: columns of the catalogue and colours seen.")
@click.option("--keep-easy", is_flag=True, help="Keep texts that find the target without the reference.")
@llm_options
def caption_pairs(
    collection: Path,
    pairs: Path,
    out: Path,
    stages: str,
    from_attributes: bool,
    keep_easy: bool,
    llm_url: str,
    llm_model: str,
) -> None:
    """Write what a shopper would say to get from one product to another, for every pair of a file.

    A vision model at any endpoint of OpenAI's protocol describes both pictures; then it tells the difference in a
    sentence. Pairs that are described alike, answers that are no sentence, and texts that find the target alone are
    rejected: they lie in FILE.rejected.jsonl with what was said, and are counted. Stopped at any time, the same command
    goes on. What it writes trains (`fieldglass train fashion/combiner --set triplets=FILE.jsonl`) and tests.

    Without a model, --from-attributes says what the columns of the catalogue say.

    Exits with 3 when pairs were rejected.

    \b
    Examples:
      fieldglass fashion caption-pairs shop.collection --pairs pairs.jsonl --out triplets.jsonl --from-attributes
      fieldglass fashion caption-pairs shop.collection --pairs pairs.jsonl --out triplets.jsonl \\
          --llm-url http://127.0.0.1:8080/v1 --llm-model qwen2.5-vl
    """
    import fieldglass
    from fieldglass_fashion.captioning.pipeline import REASONS, read_pairs, rejected_of
    from fieldglass_fashion.captioning.pipeline import caption_pairs as captioned
    from fieldglass_fashion.cli.telling import Teller

    asked = list(read_pairs(pairs))
    with fieldglass.open(collection) as opened, Teller() as teller:
        done = captioned(
            _known(opened, asked), out, _describer(opened, from_attributes, stages, llm_url, llm_model),
            found_alone=None if keep_easy else _alone(opened),
            progress=lambda far: teller(f"{far.total:,} of {len(asked):,} pairs, {far.rejected.total():,} rejected"),
        )  # fmt: skip
    click.echo(
        f"{done.written:,} texts in {out}, {done.before:,} pairs done before, {done.rejected.total():,} rejected"
    )
    for reason, count in sorted(done.rejected.items()):
        click.echo(f"  {count:,} {reason}: {REASONS[reason]}", err=True)
    if done.rejected:
        click.echo(f"  they lie in {rejected_of(out)}", err=True)
        click.get_current_context().exit(JOURNALLED)


def _describer(opened: Collection, from_attributes: bool, stages: Any, url: str, model: str) -> Describer:
    from fieldglass.errors import UsageError
    from fieldglass.llm import LanguageModel
    from fieldglass_fashion.captioning.describers import FromColumns, FromModel

    if from_attributes:
        if url or model:
            raise UsageError("--from-attributes asks no model.", hint="Leave it or --llm-url out.")
        return FromColumns(opened)
    return FromModel(opened.engine.view(), LanguageModel(url, model), stages=stages)


def _known(opened: Collection, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """UsageError where a pair names what the collection has not: half a data set would go unnoticed."""
    from fieldglass.errors import UsageError

    ids = list(dict.fromkeys(id for pair in pairs for id in pair))
    there = opened.store.snapshot().positions(ids)
    gone = [name for name, position in zip(ids, there, strict=True) if position < 0]
    if gone:
        raise UsageError(
            f"{len(gone)} of {len(ids)} items of the pairs are not in {opened.path}, such as {gone[0]!r}.",
            hint="Make the pairs again: fieldglass fashion pairs.",
        )
    return pairs


def _alone(opened: Collection) -> Any:
    """What a text finds first; None where the encoder reads no text."""
    from fieldglass.encoders import capabilities

    if "texts" not in capabilities(opened.encoder):
        return None

    def first(text: str) -> str:
        hits = opened.search(text=text, k=1, composer="text").hits
        return hits[0].id if hits else ""

    return first

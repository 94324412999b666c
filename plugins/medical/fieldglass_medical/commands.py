"""`fieldglass med`: the commands of the core for studies of patients; what is their own lies in `commands_study`."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import click

from fieldglass.cli.eval import eval_
from fieldglass.cli.index import index as core_index
from fieldglass.cli.search import search as core_search
from fieldglass.errors import UsageError
from fieldglass_medical.commands_study import annotate, audit, convert, scan
from fieldglass_medical.commands_vote import vote
from fieldglass_medical.stated import NOTICE

__all__ = ["med"]

LOADER = "med/dicom"


@click.group(short_help="Studies of patients: DICOM, hashed ids, no hit of the same patient.")
def med() -> None:
    """Studies of patients: find similar ones in archives of DICOM. For research, not for diagnosis.

    Ids are keyed hashes; items of the patient that a query shows are no hits, unless you say --same-patient.

    \b
    Examples:
      fieldglass med scan archive
      fieldglass med index archive --to studies.collection
      fieldglass med similar studies.collection query.dcm --level study --report hits.html
      fieldglass med annotate studies.collection histology.csv --on file
      fieldglass med vote studies.collection query.dcm --labels histology
    """
    click.echo(NOTICE, err=True)


for _each in (scan, convert, annotate, audit, vote):
    med.add_command(_each)

_JSON = click.option("--json", "json_", is_flag=True, help="The same as --format json.")
_SAME = click.option("--same-patient", is_flag=True, help="Let items of the query's own patient be hits.")
_LEVEL = click.option(
    "--level", type=click.Choice(["item", "series", "study", "patient"]), default="item", show_default=True,
    help="What one hit is.",
)  # fmt: skip
_AGGREGATE = click.option(
    "--aggregate", type=click.Choice(["best", "mean"]), default="best", show_default=True,
    help="The score of a study: its best item, or the mean over its items.",
)  # fmt: skip
_REPORT = click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html",
    help="A page with query and hits side by side, the window stated.",
)  # fmt: skip
_MAPS = click.option(
    "--maps", type=click.IntRange(0), default=0, show_default=True, metavar="N",
    help="Draw over query and hit what made the first N hits similar.",
)  # fmt: skip
_OWN = (_LEVEL, _AGGREGATE, _SAME, _REPORT, _MAPS, _JSON)
_COLLECTION = click.argument("collection", type=click.Path(path_type=Path))


def _with_search_options(command: click.Command, *without: str) -> click.Command:
    left = {"queries", "collection", "exclude_group", "collapse", *without}
    command.params += [each for each in core_search.params if each.name not in left]
    med.add_command(command)
    return command


def _answer(collection: Path, given: dict[str, Any], **query: Any) -> None:
    from fieldglass_medical.searching import Asked, answer

    options: dict[str, Any] = {"images": (), "likes": (), "texts": (), **given, **query}
    own = {name: options.pop(name) for name in ("level", "aggregate", "same_patient", "report", "maps")}
    if options.pop("json_"):
        options["form"] = "json"
    _need_report(own)
    answer(collection, Asked(**own), options)


def _need_report(given: dict[str, Any]) -> None:
    if given["maps"] and given["report"] is None:
        raise UsageError("--maps are drawn in a report.", hint="Add --report FILE.html.")


@click.command("similar", short_help="Studies that look like a picture.")
@_COLLECTION
@click.argument("picture")
def _similar(collection: Path, picture: str, **options: Any) -> None:
    """What looks like PICTURE: a DICOM file, the folder of a series, or the id of an item. Items of the same patient
    are left out.

    \b
    Examples:
      fieldglass med similar studies.collection query.dcm -k 5
      fieldglass med similar studies.collection query.dcm --level study --aggregate mean
      fieldglass med similar studies.collection query.dcm --where "modality = 'CT'" --report hits.html --maps 3
    """
    from fieldglass_medical.searching import is_file

    _need_report(options)
    there = picture == "-" or is_file(collection, picture)
    _answer(collection, options, **({"images": (picture,)} if there else {"likes": (picture,)}))


@click.command("search", short_help="Search by words, by picture, or by both.")
@_COLLECTION
def _search(collection: Path, **options: Any) -> None:
    """Search by words, by picture, or by both; words need an encoder that knows those of medicine.

    \b
    Examples:
      fieldglass med search studies.collection --text "left pleural effusion"
      fieldglass med search studies.collection --image query.dcm --text "with contrast" --level study
    """
    _answer(collection, options)


for _each in _OWN[::-1]:
    _similar, _search = _each(_similar), _each(_search)
_with_search_options(_similar, "images", "likes", "texts")
_with_search_options(_search)


@click.command("index", short_help="Take studies into a collection.")
@click.option(
    "--window", metavar="NAME|C,W",
    help="How Hounsfield units are shown, and seen by a new collection's encoder: lung, soft, bone, or C,W.",
)  # fmt: skip
@click.pass_context
def _index(
    context: click.Context, collection: Path, loader: str | None, encoder: str | None, window: str | None,
    settings: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Take studies into a collection: `fieldglass index` with the DICOM loader, `med/mini` for a new collection.

    The collection keeps that items of one patient are no hits of one another.

    \b
    Examples:
      fieldglass med index archive --to studies.collection
      fieldglass med index archive --to studies.collection --window lung
      fieldglass med index archive --to volumes.collection --set level=series --set slices=32
    """
    from fieldglass_medical.searching import default_encoder, keep_patients_apart, windowed

    if not collection.exists():
        encoder = encoder or default_encoder()
    given = {**options, "settings": (*settings, *windowed(window, encoder))}
    try:
        context.invoke(core_index, collection=collection, loader=loader or LOADER, encoder=encoder, **given)
    finally:
        keep_patients_apart(collection)


_OWN_HELP = {
    "loader": f"How SOURCE is read; {LOADER} if not given.",
    "encoder": "What makes the vectors: `med/mini` for a new collection, else its own.",
}
for _param in map(copy, core_index.params):
    if isinstance(_param, click.Option) and _param.name in _OWN_HELP:
        _param.help = _OWN_HELP[_param.name]
    _index.params.append(_param)
med.add_command(_index)


@click.command("eval", short_help="Run a medical benchmark, or judge a collection by its own labels.")
@click.option("--labels", metavar="COLUMN", help="Judge a collection by this column, leaving one patient out.")
@click.option("--tau", type=float, default=0.05, show_default=True, help="Of the vote's weights, with --labels.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Neighbours that vote, with --labels.")
@click.option(
    "--per", type=click.Choice(["patient", "study", "series", "item"]), default="patient", show_default=True,
    help="Who has one vote, with --labels.",
)  # fmt: skip
@click.option(
    "--calibrate-by", type=click.Choice(["isotonic", "temperature", "none"]), default="isotonic", show_default=True,
    help="How the vote's confidence is calibrated, with --labels.",
)  # fmt: skip
@click.option("--abstain", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="With --labels.")
@click.pass_context
def _evaluate(
    context: click.Context, benchmark: str, encoder: str, labels: str | None, tau: float, k: int, per: str,
    calibrate_by: Any, abstain: float, **options: Any,
) -> None:  # fmt: skip
    """Run a benchmark (the prefix `med/` can be left out), or judge a collection by its own labels.

    With --labels, BENCHMARK is a collection: every labelled item asks the items of all other patients.

    \b
    Examples:
      fieldglass med eval medmnist --root data --set subset=breastmnist
      fieldglass med eval studies.collection --labels histology --abstain 0.8
    """
    from fieldglass.registry import registry

    if labels is not None:
        from fieldglass_medical.searching import judged

        judged(Path(benchmark), labels, k, tau, per, calibrate_by, abstain, options["form"])
        return
    known = registry().offers("benchmarks")
    name = f"med/{benchmark}" if benchmark not in known and f"med/{benchmark}" in known else benchmark
    context.invoke(eval_.commands["run"], benchmark=name, encoder=encoder, **options)


_evaluate.params += list(eval_.commands["run"].params)
med.add_command(_evaluate)

"""`fieldglass med vote`: what the labels of the nearest neighbours say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["vote"]


@click.command(short_help="The labels of the nearest neighbours, weighted.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.argument("picture")
@click.option("--labels", required=True, metavar="COLUMN", help="The column of labels, as `med annotate` brings it in.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Neighbours that vote.")
@click.option("--tau", type=float, default=0.05, show_default=True, help="Weights are softmax(similarity / tau).")
@click.option(
    "--abstain", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Below this confidence no label is given.",
)  # fmt: skip
@click.option(
    "--per", type=click.Choice(["patient", "study", "series", "item"]), default="patient", show_default=True,
    help="Who has one vote, that of the best item.",
)  # fmt: skip
@click.option(
    "--calibrate-by", type=click.Choice(["isotonic", "temperature", "none"]), default="isotonic", show_default=True,
    help="Confidence from the collection itself, leaving one patient out.",
)  # fmt: skip
@click.option("--where", metavar="SQL", help="A filter over the metadata columns.")
@click.option("--item", metavar="ID", help="The item to take of a file that holds several.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--json", "json_", is_flag=True, help="The same as --format json.")
def vote(collection: Path, picture: str, form: str, json_: bool, **options: Any) -> None:
    """What the labels of the items nearest to PICTURE say: an "optical biopsy" by neighbours, not a diagnosis.

    PICTURE is a file or the id of an item. Its own patient has no vote, and every other patient has one. The
    confidence is how often votes with such a share were right in this collection, each patient left out in turn; the
    calibration error that is told comes from patients who were not in the fit.

    \b
    Examples:
      fieldglass med vote polyps.collection polyp.png --labels histology --abstain 0.8
      fieldglass med vote studies.collection query.dcm --labels finding -k 20 --json
    """
    from fieldglass_medical.voting import show, voted

    show(voted(collection, picture, **options), json_ or form == "json")

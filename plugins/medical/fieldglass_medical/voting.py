"""Asks a collection for the neighbours of a picture, has them vote, and prints it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass_medical.apart import patient_notes
from fieldglass_medical.calibration import Method
from fieldglass_medical.own_labels import calibrated
from fieldglass_medical.searching import is_file
from fieldglass_medical.stated import NOTICE, without_notice
from fieldglass_medical.vote import vote

__all__ = ["show", "voted"]

_WORSE = 0.02  # of the expected calibration error, below which two are alike


def voted(
    path: Path, picture: str, *, labels: str, k: int, tau: float, abstain: float, per: str, calibrate_by: Method,
    where: str | None = None, item: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The vote on a picture (a file or an id), its neighbours, and the calibration. UsageError without labels."""
    import fieldglass

    with fieldglass.open(path) as collection:
        calibration, told = calibrated(collection, labels, k=k, tau=tau, per=per, method=calibrate_by)
        there = is_file(path, picture)
        quoted = labels.replace('"', '""')
        question = collection.ask(
            **({"image": picture} if there else {"like": picture}),  # type: ignore[arg-type]
            where=[f'"{quoted}" IS NOT NULL AND "{quoted}" <> \'\'', *([where] if where else [])],
            exclude_group="patient" if "patient" in collection.store.snapshot().columns else None,
            exclude_self=True,
            item=item,
        )
        collapse = None if per == "item" else per
        (result,) = collection.answer([question], composer="image", k=k, collapse=collapse, index="exact")
        notes = (*without_notice(result.notes), *patient_notes(collection, question.query), *_doubt(told))
        hits = [hit for hit in result if str(hit.metadata.get(labels, "")).strip()]
        said = vote(
            [str(hit.metadata[labels]).strip() for hit in hits],
            [hit.score for hit in hits],
            tau=tau,
            abstain=abstain,
            calibration=calibration,
        )
    return {
        "notice": NOTICE,
        "label": said.label,
        "leading": said.leading,
        "confidence": said.confidence,
        "share": said.share,
        "reason": said.reason or None,
        "shares": dict(said.shares),
        "calibration": told,
        "neighbours": [
            {"rank": hit.rank, "id": hit.id, "score": hit.score, "label": str(hit.metadata[labels])} for hit in hits
        ],
        "notes": list(notes),
    }


def _doubt(told: dict[str, Any]) -> tuple[str, ...]:
    """A note where a calibration made confidences worse: it had too few patients, or too unequal ones."""
    if told["method"] == "none" or told["ECE of confidences"] <= told["ECE of shares"] + _WORSE:
        return ()
    return ("calibrated confidences were further off than raw shares here; --calibrate-by none takes the shares",)


def show(found: dict[str, Any], as_json: bool) -> None:
    """Print a vote."""
    from fieldglass.cli.output import echo_json, echo_table

    if as_json:
        echo_json(found)
        return
    if found["label"] is None:
        click.echo(f"abstains: {found['reason']}; leading: {found['leading'] or 'none'}")
    else:
        click.echo(f"{found['label']}, confidence {found['confidence']:.2f}")
    told = found["calibration"]
    if told["method"] != "none":
        click.echo(
            f"calibrated ({told['method']}) on {told['items']} items of {told['patients']} patients, each left out: "
            f"ECE {told['ECE of confidences']:.3f}, of raw shares {told['ECE of shares']:.3f}"
        )
    echo_table(["label", "share"], [[label, f"{share:.3f}"] for label, share in found["shares"].items()], right="share")
    for note in found["notes"]:
        click.echo(f"note: {note}", err=True)
    near = found["neighbours"]
    echo_table(["rank", "score", "label", "id"], [[n["rank"], f"{n['score']:.4f}", n["label"], n["id"]] for n in near])

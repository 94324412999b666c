"""What `fieldglass med index`, `similar`, `search` and `eval --labels` do besides the core's own commands."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from fieldglass.errors import UsageError
from fieldglass.options import options_of
from fieldglass.registry import registry
from fieldglass_medical.aggregate import How, of_level
from fieldglass_medical.apart import patient_notes
from fieldglass_medical.calibration import Method
from fieldglass_medical.left_out import labelled
from fieldglass_medical.own_labels import judge
from fieldglass_medical.stated import NOTICE, without_notice

__all__ = ["Asked", "answer", "default_encoder", "is_file", "judged", "keep_patients_apart", "windowed"]


@dataclass(frozen=True)
class Asked:
    """The options that are not the core's."""

    level: str
    aggregate: How
    same_patient: bool
    report: Path | None
    maps: int


def default_encoder() -> str:
    """`med/mini`, or the core's where that is not installed."""
    return "med/mini" if "med/mini" in registry().offers("encoders") else "mini"


def windowed(window: str | None, encoder: str | None) -> tuple[str, ...]:
    """A window as settings of the loader, and of a named encoder that has one."""
    if window is None:
        return ()
    has = encoder is not None and "window" in options_of(registry().factory("encoders", encoder))
    return (f"loader.window={window}", *((f"encoder.window={window}",) if has else ()))


def keep_patients_apart(path: Path) -> None:
    """Have a collection keep that items of one patient are no hits of one another."""
    import fieldglass

    if path.exists():
        with fieldglass.open(path) as collection:
            if "exclude_group" not in collection.store.snapshot().properties:
                with collection.store.writer("index") as writer:
                    writer.keep_property("exclude_group", "patient")


def is_file(path: Path, picture: str) -> bool:
    """Whether a query is a file or folder, and not an id. UsageError, without its name, where it is neither."""
    import fieldglass

    if Path(picture).expanduser().exists():
        return True
    with fieldglass.open(path) as collection:
        if collection.store.snapshot().positions([picture])[0] < 0:
            raise UsageError(
                "There is no such file, and no such item in the collection.",
                hint="Check the path; ids are as `fieldglass med search` prints them.",
            )
    return False


def answer(path: Path, own: Asked, options: dict[str, Any]) -> None:
    """Search, print in the form that is asked for, and write the report."""
    import fieldglass
    from fieldglass.cli.query import how, question_of
    from fieldglass.cli.search import give
    from fieldglass.report.files import form_of

    out, show = options.pop("out"), options.pop("show")
    form = options.pop("form") or (form_of(out) if out else None) or "table"
    asked = {name: options.pop(name) for name in ("k", "min_score", "index")}
    with fieldglass.open(path) as collection:
        columns = collection.store.snapshot().columns
        apart = "patient" in columns and not own.same_patient
        if own.level != "item" and own.level not in columns:
            raise UsageError(f"{path} has no {own.level} to take hits by.")
        if not own.same_patient:
            options["exclude_self"] = True
        question = question_of(collection, {**options, "exclude_group": "patient" if apart else ""})
        result = of_level(collection, question, own.level, own.aggregate, **asked, **how(options))
        if not own.same_patient:
            result = replace(result, notes=(*result.notes, *patient_notes(collection, question.query)))
        report = own.report or (_temporary(path) if show else None)
        told = replace(result, notes=without_notice(result.notes))  # the command and the report have said it
        if form == "html":
            report = report or out or Path("-")
        else:
            give(told if form == "table" else result, form, out)
        for note in told.notes if form != "json" and (form != "table" or out) else ():
            click.echo(f"note: {note}", err=True)
        if report is not None:
            from fieldglass_medical.report import report_page

            file = next((each for each in options["images"] if each != "-"), "")
            written = report_page(collection, question, told, maps=own.maps, file=file, item=options["item"])
            if str(report) == "-":
                click.echo(written)
            else:
                report.write_text(written, encoding="utf-8")
                click.echo(f"wrote {report}", err=True)
    if show and report is not None:
        click.launch(str(report.resolve()))


def judged(
    path: Path, column: str, k: int, tau: float, per: str, method: Method, abstain: float, form: str
) -> None:  # fmt: skip
    """Print what leaving one patient out says of a labelled collection."""
    import fieldglass
    from fieldglass.cli.output import echo_json, echo_table

    with fieldglass.open(path) as collection:
        items = labelled(collection, column, per=per)
        encoder = collection.field.encoder
    figures = judge(items, k=k, tau=tau).figures(method, abstain)
    about = {
        "collection": str(path),
        "encoder": encoder,
        "protocol": "leave one patient out",
        "labels": column,
        "items": len(items),
        "patients": len(set(items.patients.tolist())),
        "without patient": items.alone,
        "k": k,
        "tau": tau,
        "per": per,
        "calibration": method,
    }
    if form == "json":
        echo_json({"notice": NOTICE, **about, "metrics": {name: _plain(value) for name, value in figures.items()}})
        return
    click.echo(f"{about['items']} items of {about['patients']} patients, each patient left out in turn; {encoder}")
    if items.alone:
        click.echo(f"note: {items.alone} items have no patient and count as patients of their own", err=True)
    rows = [[name, f"{value:.3f}" if name.startswith("ECE") else f"{value:.1f}"] for name, value in figures.items()]
    echo_table(["metric", "value"], rows, right="value")


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _temporary(path: Path) -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="fieldglass-")) / f"{path.resolve().stem}.html"

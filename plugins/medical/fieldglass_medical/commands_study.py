"""`fieldglass med scan`, `convert`, `annotate`, `audit`: what needs no search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.lazy import JOURNALLED
from fieldglass.errors import UsageError

__all__ = ["annotate", "audit", "convert", "scan"]

_JSON = click.option("--json", "json_", is_flag=True, help="The same as --format json.")
_FORMAT = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
_SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the loader.")
_LOADER = click.option("--loader", default="med/dicom", show_default=True, metavar="NAME", help="How files are read.")


@click.command(short_help="Studies, series and problems of a folder.")
@click.argument("folder", type=click.Path(path_type=Path))
@_LOADER
@_SET
@_FORMAT
@_JSON
def scan(folder: Path, loader: str, settings: tuple[str, ...], form: str, json_: bool) -> None:
    """List the studies of FOLDER from their headers, then the problems by kind. Nothing printed names a patient.

    Studies and patients are keyed hashes. Exits with 3 where something could not be taken.

    \b
    Examples:
      fieldglass med scan archive
      fieldglass med scan archive --json > inventory.json
    """
    from fieldglass.cli.output import echo_json, echo_table
    from fieldglass.options import parse
    from fieldglass_medical.inventory import inventory

    if not folder.exists():
        raise UsageError("There is no such folder or file.")
    found = inventory(folder, loader, parse(settings))
    if json_ or form == "json":
        echo_json(found)
    else:
        columns = ("study", "patient", "modality", "body_part", "series", "items", "burned_in")
        rows = [[study[name] for name in columns] for study in found["studies"]]
        echo_table(columns, rows, right="series items burned_in")
        studies = len({study["study"] for study in found["studies"]} - {"-"})
        named = f"{studies} study" if studies == 1 else f"{studies} studies"
        click.echo(f"{_counted(found['items'], 'item')}, {named}, {_counted(found['patients'], 'patient')}")
        if found["problems"]:
            codes = ("severity", "code", "count", "message")
            echo_table(codes, [[each[name] for name in codes] for each in found["problems"]], right="count")
    if any(each["severity"] == "error" for each in found["problems"]):
        click.get_current_context().exit(JOURNALLED)


@click.command(short_help="Write DICOM as PNG or NIfTI.")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
@click.option("--as", "kind", type=click.Choice(["png", "nifti"]), default="png", show_default=True)
@click.option("--window", metavar="NAME|C,W", help="How Hounsfield units are shown: lung, soft, bone, or C,W.")
@_LOADER
@_SET
@_FORMAT
@_JSON
def convert(
    source: Path, folder: Path, kind: str, window: str | None, loader: str, settings: tuple[str, ...], form: str,
    json_: bool,
) -> None:  # fmt: skip
    """Write the items of SOURCE below DIR as they are shown (PNG), or series as volumes in Hounsfield units (NIfTI).

    Files are named by keyed hashes and hold no tag of the source; text burnt into the pixels stays. The window is
    printed, and stands in each PNG as text. Exits with 3 where something could not be written.

    \b
    Examples:
      fieldglass med convert scan.dcm --to pictures --window lung
      fieldglass med convert archive --to volumes --as nifti
    """
    from fieldglass.cli.output import echo_json, echo_table
    from fieldglass.options import parse
    from fieldglass_medical.converting import convert as run

    if not source.exists():
        raise UsageError("There is no such folder or file.")
    options: dict[str, Any] = dict(parse(settings))
    if window is not None:
        options["window"] = window
    if kind == "nifti":
        options.setdefault("level", "series")
    done = list(run(source, folder, loader, options, kind))
    rows = [{**vars(each), "shape": list(each.shape)} for each in done]
    if json_ or form == "json":
        echo_json(rows)
    else:
        columns = ("id", "file", "window", "problem")
        echo_table(columns, [[row[name] for name in columns] for row in rows])
    if any(each.severity == "error" for each in done):
        click.get_current_context().exit(JOURNALLED)


@click.command(short_help="Add columns from a table, joined by file.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--on", default="file", show_default=True, metavar="COLUMN", help="The column of TABLE with the files.")
@click.option("--columns", metavar="A,B,...", help="Only these columns; all by default.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="encoding, delimiter, decimal of TABLE.")
@_FORMAT
@_JSON
def annotate(
    collection: Path, table: Path, on: str, columns: str | None, settings: tuple[str, ...], form: str, json_: bool
) -> None:
    """Add labels from a table that names files or folders as they lie below the indexed folder.

    Ids are hashes, so `fieldglass annotate` cannot join a table of files; this one asks the map beside the key. The
    columns you name enter the collection as they are: name none that tells who a patient is.

    \b
    Examples:
      fieldglass med annotate studies.collection histology.csv --on file --columns histology
    """
    import fieldglass
    from fieldglass.cli.output import echo_json
    from fieldglass.options import parse
    from fieldglass_medical.annotating import annotate as run

    wanted = tuple(each.strip() for each in columns.split(",") if each.strip()) if columns else None
    with fieldglass.open(collection) as opened:
        joined = run(opened, table, on=on, columns=wanted, **parse(settings))
    if json_ or form == "json":
        echo_json({"matched": joined.matched, "unmatched": joined.unmatched, "bad": joined.bad})
    else:
        click.echo(f"annotated {joined.matched} items, {joined.unmatched} rows without an item")
    if joined.bad:
        click.get_current_context().exit(JOURNALLED)


@click.command(short_help="Look for patients' texts in a finished collection.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option("--source", type=click.Path(path_type=Path), metavar="DIR", help="The files that were indexed.")
@click.option("--key", default="", metavar="FILE", help="The key of the collection, where it is not the usual one.")
@_FORMAT
@_JSON
def audit(collection: Path, source: Path | None, key: str, form: str, json_: bool) -> None:
    """Look for texts of patients in all bytes of COLLECTION. Exits with 3 where something is found.

    With --source, every text of every tag and every file name of it is looked for; without, only what looks like an
    identifier, a name or a file name. What is found is counted and never shown.

    \b
    Examples:
      fieldglass med audit studies.collection --source archive
      fieldglass med audit studies.collection --json
    """
    from fieldglass.cli.output import echo_json, echo_table
    from fieldglass_medical.audit import audit as run

    if source is not None and not source.exists():
        raise UsageError("There is no such source.")
    found = run(collection, source=None if source is None else source.resolve(), key=key)
    rows = [vars(each) for each in found.findings]
    if json_ or form == "json":
        about = {"clean": found.clean, "files": found.files, "strings": found.strings, "sources": found.sources}
        echo_json({**about, "findings": rows})
    else:
        if rows:
            echo_table(("code", "where", "message"), [list(row.values()) for row in rows])
        looked = f"{found.files} files, for {found.strings} texts of {found.sources} source files"
        click.echo(f"{'clean' if found.clean else _counted(len(rows), 'finding')}: {looked}")
    if not found.clean:
        click.get_current_context().exit(JOURNALLED)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

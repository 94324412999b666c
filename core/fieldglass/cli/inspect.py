"""`fieldglass info` and `fieldglass problems`: what a collection holds, and what it could not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.output import bytes_text, echo_json, echo_table, format_option

__all__ = ["info", "problems"]


@click.command(short_help="What a collection holds.")
@click.argument("collection", type=click.Path(path_type=Path))
@format_option
def info(collection: Path, form: str) -> None:
    """What a collection holds: items, encoder, columns, index, size.

    \b
    Examples:
      fieldglass info holiday.collection
      fieldglass info holiday.collection --format json
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        found = opened.info()
    if form == "json":
        echo_json(found)
        return
    rows: list[tuple[str, Any]] = [(name, _short(name, value)) for name, value in found.items()]
    echo_table(["what", "value"], rows)


def _short(name: str, value: Any) -> str:
    if name == "bytes":
        return bytes_text(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} ({_inner(inner)})" for key, inner in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _inner(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)


@click.command(short_help="The items that could not be taken, and why.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option("--code", help="Only this kind of problem, image-truncated for example.")
@format_option
def problems(collection: Path, code: str | None, form: str) -> None:
    """The items that could not be taken, and why.

    A file that is put right is taken by the next `fieldglass index` and leaves the list.

    \b
    Examples:
      fieldglass problems holiday.collection
      fieldglass problems holiday.collection --code image-truncated --format json
    """
    import fieldglass

    with fieldglass.open(collection) as opened:
        rows = [
            {"source": row.source, "subject": row.subject, "code": row.code, "severity": row.severity,
             "message": row.message, "at": row.at}
            for row in opened.problems()
            if code in (None, row.code)
        ]  # fmt: skip
    if form == "json":
        echo_json(rows)
    elif rows:
        columns = ["source", "subject", "code", "severity", "message"]
        echo_table(columns, ([row[column] for column in columns] for row in rows))
    else:
        click.echo("No problems.", err=True)

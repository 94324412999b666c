"""How commands print: JSON, and tables that are drawn for a terminal and plain for a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

__all__ = ["as_json", "bytes_text", "cell_text", "echo_json", "echo_table", "format_option"]

format_option = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="How to print."
)


def as_json(value: Any) -> str:
    """Indented JSON; dates and paths as text, NaN refused."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str)


def echo_json(value: Any) -> None:
    """Print JSON on standard output."""
    click.echo(as_json(value))


def echo_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", right: str = "") -> None:
    """Print rows: with rules and colours to a terminal, tab-separated to a pipe.

    `right` names the columns to align right, separated by spaces.
    """
    cells = [[cell_text(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for row in cells:
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right.split() else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)


def cell_text(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"
    if isinstance(value, (list, tuple, frozenset, set)):
        return ", ".join(map(str, value))
    return str(value)


def bytes_text(count: int) -> str:
    """1536 -> "1.5 KiB"."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"

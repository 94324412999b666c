"""How far a long command is, on one line of a terminal."""

from __future__ import annotations

import sys
from typing import Self

import click

__all__ = ["Teller"]


class Teller:
    """Called with what to show, as often as one likes; silent where standard error is a file."""

    def __enter__(self) -> Self:
        self._shown = sys.stderr.isatty()
        return self

    def __call__(self, so_far: object) -> None:
        if self._shown:
            click.echo(f"\r{so_far}", nl=False, err=True)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r\x1b[2K", nl=False, err=True)

"""`fieldglass geo index`: the core's command, with what a collection may keep of places."""

from __future__ import annotations

from typing import Any

import click

from fieldglass.cli.index import index as core_index
from fieldglass_geo.cli.rules import given, rule_options

__all__ = ["index"]


@click.command(short_help="Take photos into a collection, with as much of their places as you let it have.")
@rule_options
@click.pass_context
def index(context: click.Context, hooks: tuple[str, ...], **options: Any) -> None:
    """Take photos into a collection: `fieldglass index`, and how their places are read and kept.

    The collection keeps these options: later runs and `fieldglass refresh` obey them, whatever command starts them.

    \b
    Examples:
      fieldglass geo index holiday --to holiday.collection
      fieldglass geo index holiday --to public.collection --round-coords 2
      fieldglass geo index holiday --to public.collection --drop-gps
      fieldglass geo index camera --to walk.collection --gpx walk.gpx --offset +02:00
    """
    rules = given(options)
    for name in _RULES:
        del options[name]
    context.invoke(core_index, hooks=(*hooks, *(f"geo.{name}={value}" for name, value in rules.items())), **options)


_RULES = [each.name for each in index.params if each.name is not None]
index.params = [*core_index.params, *index.params]

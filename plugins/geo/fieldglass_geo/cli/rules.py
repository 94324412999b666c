"""The options that say how the word of a photo is taken; those of `fieldglass_geo.position.Rules`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fieldglass_geo.position import Rules

__all__ = ["given", "rule_options", "rules_of"]

_OPTIONS = (
    click.option(
        "--round-coords", type=click.IntRange(0, 8), metavar="N", help="Keep N decimals of a degree; 3 are about 110 m."
    ),
    click.option("--drop-gps", is_flag=True, help="Keep no coordinates, and nothing made of them."),
    click.option(
        "--gpx", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="A track that places photos without a position, by their time.",
    ),
    click.option("--offset", metavar="+HH:MM", help="What the camera's clock is ahead of UTC, where it does not say."),
    click.option("--max-gap", type=click.FloatRange(0), metavar="SECONDS", help="Longest gap of the track. [300]"),
    click.option(
        "--assume-ref", type=click.Choice(["NE", "NW", "SE", "SW"], case_sensitive=False),
        help="Where N, S, E, W are missing.",
    ),
    click.option(
        "--trust", type=click.Choice(["sign", "ref"]), help="Which is right of a negative number with N or E."
    ),
    click.option("--allow-zero", is_flag=True, help="Take exactly 0, 0 for a place."),
    click.option("--lenient", is_flag=True, help="Read XMP's plain decimals with a separate letter."),
    click.option("--no-sidecars", is_flag=True, help="Look at no XMP or Takeout file beside a photo."),
)  # fmt: skip
NAMES = (
    "round_coords", "drop_gps", "gpx", "offset", "max_gap", "assume_ref", "trust", "allow_zero", "lenient",
    "no_sidecars",
)  # fmt: skip


def rule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, on a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, str]:
    """What was typed, as texts under the names of `Rules`."""
    found: dict[str, str] = {}
    for name in NAMES:
        value = options[name]
        if value is None or value is False:
            continue
        if name == "no_sidecars":
            found["sidecars"] = "false"
        elif name == "gpx":
            found[name] = str(Path(value).expanduser().absolute())
        else:
            found[name] = "true" if value is True else str(value)
    return found


def rules_of(options: Mapping[str, Any]) -> Rules:
    """The rules that were typed."""
    from fieldglass_geo.columns import checked

    return checked(given(options))

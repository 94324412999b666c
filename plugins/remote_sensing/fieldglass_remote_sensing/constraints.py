"""What hits must be besides where they lie: date, cloud, sensor, spectral indices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.types import Bitmap, GalleryView

__all__ = ["MaxCloud", "condition", "scene_options"]

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_SPECTRAL = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")
_SENSORS = {"s1": "sentinel-1", "s2": "sentinel-2"}

scene_options = (
    click.option("--date", metavar="FROM/TO", help="Taken then: 2023-05/2023-06, 2023-05-01/, /2022; both included."),
    click.option(
        "--max-cloud", type=click.FloatRange(0, 100), metavar="PERCENT",
        help="At most so much cloud; scenes that do not tell stay.",
    ),
    click.option("--sensor", metavar="NAME", help="By this sensor: sentinel-2-l2a, or its beginning; s1, s2."),
    click.option(
        "--spectral", multiple=True, metavar='"ndvi > 0.4"', help="The mean of an index in the tile. Repeatable."
    ),
)  # fmt: skip


@dataclass(frozen=True)
class MaxCloud:
    """Keeps tiles with at most this share of cloud (0 to 1), and those whose product does not tell it, as of radar."""

    share: float

    def __str__(self) -> str:
        return f"cloud at most {self.share:.0%}"

    def bitmap(self, gallery: GalleryView) -> Bitmap:
        """(gallery.size,) bool."""
        kept: Bitmap = ~(gallery.numbers(["cloud"])[:, 0] > self.share)
        return kept


def condition(options: Mapping[str, Any]) -> str | None:
    """The SQL of --where, --date, --sensor and --spectral together; None where none is given."""
    parts = [f"({options['where']})"] if options["where"] else []
    if options["date"]:
        parts += _dates(options["date"])
    if options["sensor"]:
        name = _SENSORS.get(options["sensor"].lower(), options["sensor"].lower())
        if not re.fullmatch(r"[\w. -]+", name):
            raise UsageError(
                f"--sensor {options['sensor']!r} is no name of a sensor.", hint="`fieldglass rs scan DIR` lists them."
            )
        parts.append(f"substr(lower(sensor), 1, {len(name)}) = '{name}'")
    for text in options["spectral"]:
        found = _SPECTRAL.fullmatch(text)
        if not found:
            raise UsageError(
                f"--spectral takes INDEX > NUMBER, not {text!r}.", hint='For example --spectral "ndvi > 0.4".'
            )
        parts.append(f"{found[1].lower()} {found[2]} {found[3]}")
    return " AND ".join(parts) or None


def _dates(text: str) -> list[str]:
    first, slash, last = (part.strip() for part in text.partition("/"))
    last = last if slash else first
    if not (first or last) or any(each and not _DATE.fullmatch(each) for each in (first, last)):
        raise UsageError(
            f"--date takes FROM/TO, not {text!r}.", hint="For example 2023-05/2023-06, 2023-05-01/ or /2022."
        )
    parts = [f"date >= '{first}'"] if first else []
    # "~" sorts after what follows a date in ISO 8601, so that a month ends with its last second
    return parts + ([f"date <= '{last}~'"] if last else [])

"""A place on Earth, or the reason why there is none, and the rules by which a photo's word is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fieldglass.errors import UsageError

__all__ = ["REASONS", "NoPosition", "Position", "Rules"]

REASONS = {
    "absent": "It does not say where it was taken.",
    "contradictory_sign": "Its GPS block gives a negative number and N or E.",
    "missing_ref": "Its GPS block does not say N or S, E or W.",
    "null_island": "Its GPS block says 0, 0, which cameras write when they do not know.",
    "out_of_range": "Its GPS block is out of range.",
    "undefined_rational": "Its GPS block holds a number over zero, or none at all.",
    "unreadable": "Its header is damaged.",
}


@dataclass(frozen=True)
class Position:
    """Degrees north and east (WGS 84), metres above the sea, metres of error; `flags` tell what was mended."""

    lat: float
    lon: float
    altitude: float | None = None
    error_m: float | None = None
    heading: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoPosition:
    """No usable position: `reason` is a key of `REASONS`, `hint` what may be the cause."""

    reason: str
    hint: str = ""

    @property
    def message(self) -> str:
        """A sentence for people."""
        return f"{REASONS[self.reason]} {self.hint}".strip()


@dataclass(frozen=True)
class Rules:
    """How the word of a photo is taken; the options of the plugin's metadata hook.

    :param assume_ref: the letters taken where N, S, E, W are missing: "NE", "NW", "SE" or "SW"; "" takes none.
    :param trust: of a negative number with N or E: "sign" or "ref" is right; "" takes neither.
    :param allow_zero: take exactly 0, 0 for a place.
    :param lenient: read an XMP packet's plain decimal with a separate N, S, E, W, which is against its rules.
    :param sidecars: look for XMP and Google Takeout files beside a photo.
    :param gpx: a GPX file that gives the photos without a position one, by their time.
    :param offset: what a camera's clock is ahead of UTC where the photo does not say it, "+02:00".
    :param max_gap: the longest gap of the track, in seconds, that is interpolated over.
    :param round_coords: keep so many decimals of a degree (3 are about 110 m); -1 keeps all.
    :param drop_gps: give no coordinates, place names or headings at all.
    :param names: add `country`, `admin1` and `place`.
    """

    assume_ref: str = ""
    trust: str = ""
    allow_zero: bool = False
    lenient: bool = False
    sidecars: bool = True
    gpx: str = ""
    offset: str = ""
    max_gap: float = 300.0
    round_coords: int = -1
    drop_gps: bool = False
    names: bool = True

    def __post_init__(self) -> None:
        letters = self.assume_ref.upper()
        if letters and (len(letters) != 2 or letters[0] not in "NS" or letters[1] not in "EW"):
            raise UsageError(f"assume_ref={self.assume_ref!r} is no pair of letters.", hint="NE, NW, SE or SW.")
        if self.trust not in ("", "sign", "ref"):
            raise UsageError(f"trust={self.trust!r} cannot be.", hint="sign, or ref for the letter.")
        if not -1 <= self.round_coords <= 8:
            raise UsageError(f"round_coords={self.round_coords} cannot be.", hint="0 to 8 decimals; -1 keeps all.")
        if not self.max_gap >= 0:
            raise UsageError(f"max_gap={self.max_gap} cannot be.", hint="Seconds, 0 or more.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Rules:
        """Rules from options whose values may be text. UsageError names the option that is wrong."""
        from fieldglass.options import coerce

        return cls(**coerce(cls, "the metadata hook of geo", options))

"""Places to vectors. Every public call takes (latitude, longitude) in degrees; each encoder orders them as it needs."""

from __future__ import annotations

from fieldglass.encoders.location.globe import on_globe
from fieldglass.encoders.location.harmonics import harmonics
from fieldglass.encoders.location.satclip import SatClipLocation

__all__ = ["SatClipLocation", "harmonics", "on_globe"]

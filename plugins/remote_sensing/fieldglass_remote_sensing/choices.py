"""The options of the loader that say how a scene is to be understood."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fieldglass.errors import UsageError
from fieldglass_remote_sensing.sensors import SCHEMES

__all__ = ["Choices"]

_SENSORS = ("auto", "unknown", *SCHEMES)
_MORE = ("landsat-",)


@dataclass(frozen=True)
class Choices:
    """What the user says of scenes that do not say it themselves. UsageError for what cannot be."""

    sensor: str = "auto"
    bands: tuple[str, ...] = ()
    s2_offset: str = "auto"
    s1_units: str = "auto"
    rotated: str = "warp"
    crs: str = ""
    subdataset: str = ""
    max_pixels: int = 10_000_000_000

    def keeping_rotation(self) -> Choices:
        """For products that keep the grid in which they were taken."""
        return replace(self, rotated="keep")

    def __post_init__(self) -> None:
        if self.sensor not in _SENSORS and not self.sensor.startswith(_MORE):
            raise UsageError(f"sensor={self.sensor!r} is not known.", hint=f"One of {', '.join(_SENSORS)}.")
        _one_of("s2_offset", self.s2_offset, ("auto", "0", "-1000"))
        _one_of("s1_units", self.s1_units, ("auto", "db", "linear_power", "amplitude_dn"))
        _one_of("rotated", self.rotated, ("warp", "keep", "refuse"))
        if len(set(self.bands)) != len(self.bands):
            raise UsageError(f"bands={','.join(self.bands)} names one twice.")
        if self.max_pixels < 1:
            raise UsageError(f"max_pixels={self.max_pixels} is no number of pixels.")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name}={value!r} cannot be.", hint=f"One of {', '.join(allowed)}.")

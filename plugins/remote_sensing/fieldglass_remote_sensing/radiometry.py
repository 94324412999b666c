"""From the numbers of a file to physical units.

Sentinel-2: reflectance = (DN + offset) / 10000, where the offset is -1000 from processing baseline 04.00 on and 0
before; DN 0 is no data and is masked first; what the offset would make negative is 0. Sentinel-1: decibels of the
backscatter, 10 log10(power), from power, or from the digital numbers of a GRD product by its calibration table,
sigma0 = DN^2 / A^2. Everything else keeps its numbers, after the scale and offset of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass_remote_sensing.tiling import Tile

__all__ = ["Decibels", "Numbers", "Photograph", "Radiometry", "Reflectance", "Units", "s2_offset_of", "to_decibels"]

Units = Literal["db", "linear_power", "amplitude_dn"]

LOWEST, HIGHEST = -50.0, 10.0  # dB: thermal noise and corner reflectors are outside
Converted = tuple["NDArray[Any]", "NDArray[np.bool_] | None"]


class Radiometry(Protocol):
    """Turns what was read of a tile, (h, w, bands) and its mask, into the units that it names."""

    units: str

    def __call__(self, values: NDArray[Any], mask: NDArray[np.bool_] | None, tile: Tile) -> Converted:
        """Values and mask; the mask may lose pixels."""
        ...


@dataclass(frozen=True)
class Numbers:
    """The numbers of the file."""

    units: str = "unit"

    def __call__(self, values: NDArray[Any], mask: NDArray[np.bool_] | None, tile: Tile) -> Converted:
        """As they are; what is not finite is masked and 0."""
        return _finite(values, mask)


@dataclass(frozen=True)
class Photograph(Numbers):
    """8-bit red, green, blue."""

    units: str = "srgb8"


@dataclass(frozen=True)
class Reflectance:
    """Sentinel-2 and the like: (DN + offset) / quantification, float32, never below 0.

    :param offsets: one for all bands, or one each.
    :param zero_is_nodata: DN 0 of all bands is no data.
    """

    offsets: tuple[float, ...] = (0.0,)
    quantification: float = 10_000.0
    zero_is_nodata: bool = True
    units: str = "reflectance"

    def __call__(self, values: NDArray[Any], mask: NDArray[np.bool_] | None, tile: Tile) -> Converted:
        """(h, w, bands) DN -> reflectance."""
        if self.zero_is_nodata:
            seen = (values != 0).any(axis=-1)
            mask = seen if mask is None else mask & seen
        numbers = (values.astype(np.float32) + np.asarray(self.offsets, dtype=np.float32)) / self.quantification
        return _finite(np.maximum(numbers, 0).astype(np.float32), mask)


@dataclass(frozen=True)
class Decibels:
    """Sentinel-1 to decibels, clipped to -50..10; 0 and below have no logarithm and are masked.

    :param given: what the file holds.
    :param calibration: for "amplitude_dn": the tile -> A of each pixel, (h, w, bands).
    """

    given: Units = "linear_power"
    calibration: Callable[[Tile], NDArray[np.float32]] | None = field(default=None, compare=False)
    units: str = "dB"

    def __call__(self, values: NDArray[Any], mask: NDArray[np.bool_] | None, tile: Tile) -> Converted:
        """(h, w, bands) -> dB, float32."""
        if self.given == "db":
            numbers, mask = _finite(values.astype(np.float32), mask)
            return np.clip(numbers, LOWEST, HIGHEST), mask
        power = values.astype(np.float32)
        if self.given == "amplitude_dn":
            power = power * power
            if self.calibration is not None:
                gain = self.calibration(tile)
                power = power / (gain * gain)
        seen = (np.isfinite(power) & (power > 0)).all(axis=-1)
        return to_decibels(power), seen if mask is None else mask & seen


def to_decibels(power: NDArray[Any]) -> NDArray[np.float32]:
    """10 log10, clipped to -50..10; -50 where there is no logarithm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = 10 * np.log10(np.asarray(power, dtype=np.float32))
    return np.asarray(np.clip(np.nan_to_num(decibels, nan=LOWEST, neginf=LOWEST), LOWEST, HIGHEST), dtype=np.float32)


def s2_offset_of(baseline: str | None) -> float | None:
    """-1000 from processing baseline 04.00 ("04.00", "N0400", "0400") on, else 0; None for an unknown one."""
    digits = "".join(each for each in baseline or "" if each.isdigit())[:4]
    if len(digits) != 4 or digits == "9999":
        return None
    return -1000.0 if int(digits) >= 400 else 0.0


def _finite(values: NDArray[Any], mask: NDArray[np.bool_] | None) -> Converted:
    if values.dtype.kind != "f":
        return values, mask
    finite = np.isfinite(values)
    if finite.all():
        return values, mask
    whole = finite.all(axis=-1)
    return np.where(finite, values, 0).astype(values.dtype), whole if mask is None else mask & whole

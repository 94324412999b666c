"""Settles from the pixels of a scene what its headers leave open: the offset of Sentinel-2, the units of Sentinel-1.

It looks at one small picture of the whole scene, so that all tiles of a scene are converted alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass_remote_sensing.radiometry import Decibels, Radiometry, Reflectance
from fieldglass_remote_sensing.scenes import SceneError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass_remote_sensing.scenes import Scene

__all__ = ["S1Open", "S2Open", "Settled", "settle"]

_DARK = 800  # DN: with the offset, hardly a pixel of any band is below
_DEEP = 1250  # DN: with the offset, water, shadow and leaves are no brighter in red; red of 0.125 without it has a
# darker blue, below _DARK
_FEW = 0.005  # share of pixels that may be, by noise
_SINCE = datetime(2022, 1, 25, tzinfo=UTC)  # baseline 04.00 brought the offset


@dataclass(frozen=True)
class S2Open:
    """Sentinel-2 numbers that nothing says the scale of, with what is known: when it was taken, and the offset."""

    units: str = "reflectance"
    settles: bool = True
    date: datetime | None = None
    offset: float | None = None

    def __call__(self, values: Any, mask: Any, tile: Any) -> Any:
        """Not before it is settled."""
        raise RuntimeError("the scale of this scene is not settled yet")


@dataclass(frozen=True)
class S1Open(S2Open):
    """Backscatter that nothing says the units of."""

    units: str = "dB"


@dataclass(frozen=True)
class Settled:
    """The radiometry, and columns that say what was decided and why."""

    radiometry: Radiometry
    columns: dict[str, Any]


def settle(scene: Scene, values: NDArray[Any], mask: NDArray[np.bool_] | None) -> Settled:
    """From a small picture of the scene, (h, w, bands). SceneError where it must be told."""
    if isinstance(scene.radiometry, S1Open):
        return _s1(values, mask)
    if isinstance(scene.radiometry, S2Open):
        return _s2(scene, values, mask)
    return Settled(scene.radiometry, {})


def _s2(scene: Scene, values: NDArray[Any], mask: NDArray[np.bool_] | None) -> Settled:
    seen = (values != 0).any(axis=-1) & (True if mask is None else mask)
    if values.dtype.kind == "f":
        seen &= np.isfinite(values).all(axis=-1)
        if not seen.any() or float(np.quantile(values[seen], 0.99)) <= 2:
            return Settled(
                Reflectance((0.0,), 1.0, zero_is_nodata=False), {"s2_offset": 0.0, "s2_offset_from": "range"}
            )
    told = getattr(scene.radiometry, "offset", None)
    if told is not None:
        return Settled(Reflectance((told,)), {"s2_offset": told, "s2_offset_from": "told"})
    offset, why = _offset(values[seen], scene)
    return Settled(Reflectance((offset,)), {"s2_offset": offset, "s2_offset_from": why})


def _offset(pixels: NDArray[Any], scene: Scene) -> tuple[float, str]:
    """Of (n, bands) DN that have data: dark numbers deny the offset; dark ground right above it proves it.

    A desert, ice or cloud shows neither. It is taken by its date, and without one it keeps its numbers.
    """
    if not len(pixels) or float((pixels.min(axis=-1) < _DARK).mean()) >= _FEW:
        return 0.0, "histogram"  # of all bands: blue alone is bright under cloud, and over snow
    red = pixels[:, scene.bands.index("B04")] if "B04" in scene.bands else np.empty(0)
    if red.size and float((red <= _DEEP).mean()) >= _FEW:
        return -1000.0, "histogram"
    date = getattr(scene.radiometry, "date", None)
    return (-1000.0 if date is not None and date >= _SINCE else 0.0), "date" if date is not None else "unclear"


def _s1(values: NDArray[Any], mask: NDArray[np.bool_] | None) -> Settled:
    numbers = values[np.isfinite(values).all(axis=-1) & (True if mask is None else mask)]
    if values.dtype.kind != "f":
        if values.dtype.kind == "i" and (numbers < 0).any():
            return Settled(Decibels("db"), {"s1_units": "db"})
        raise SceneError(
            "scene-units",
            "These Sentinel-1 numbers are whole and have no calibration table: say what they are, "
            "--set s1_units=db, linear_power or amplitude_dn.",
        )
    if (numbers < 0).mean() > 0.01 if numbers.size else False:
        return Settled(Decibels("db"), {"s1_units": "db"})
    if numbers.size and float(np.median(numbers)) > 1.5:
        raise SceneError(
            "scene-units",
            "Backscatter of this size is neither decibels (negative) nor power (below 1): say what it is, "
            "--set s1_units=db, linear_power or amplitude_dn.",
        )
    return Settled(Decibels("linear_power"), {"s1_units": "linear_power"})

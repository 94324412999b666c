"""How published self-supervised networks want Sentinel-1 and Sentinel-2: constants per recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fieldglass_remote_sensing.spectral import RADAR, SENTINEL2

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["RECIPES", "Recipe"]

_L1C_MEAN = (1612.9, 1397.6, 1322.3, 1373.1, 1561.0, 2108.4, 2390.7, 2318.7, 2581.0, 837.7, 22.0, 2195.2, 1537.4)
_L1C_STD = (791.0, 854.3, 878.7, 1144.9, 1127.5, 1164.2, 1276.0, 1249.5, 1345.9, 577.5, 47.5, 1340.0, 1142.9)


class Recipe(NamedTuple):
    """Bands in their order, their units, and (value - mean) / std. Resize to `side`, crop `size`; 0 leaves it."""

    bands: tuple[str, ...]
    units: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int = 256
    size: int = 224

    def __call__(self, planes: F32) -> F32:
        """(bands, H, W) float32, normalised."""
        mean, std = (np.asarray(each, dtype=np.float32)[:, None, None] for each in (self.mean, self.std))
        return np.asarray((planes - mean) / std, dtype=np.float32)


# Names as --set normalise=...: "moco" divides reflectance by 1 (the numbers by 10 000), "standard" takes the
# statistics of SSL4EO-S12's L1C, "closp" neither scales nor resizes.
RECIPES = {
    ("moco", "s2"): Recipe(SENTINEL2, "reflectance", (0.0,) * 13, (1.0,) * 13),
    ("moco", "s1"): Recipe(RADAR, "dB", (0.0,) * 2, (1.0,) * 2),
    ("standard", "s2"): Recipe(
        SENTINEL2, "reflectance", tuple(v / 10000 for v in _L1C_MEAN), tuple(v / 10000 for v in _L1C_STD)
    ),
    ("standard", "s1"): Recipe(RADAR, "dB", (-12.59, -20.26), (5.26, 5.91)),
    ("closp", "s2"): Recipe(SENTINEL2, "reflectance", (0.0,) * 13, (1.0,) * 13, 0, 0),
    ("closp", "s1"): Recipe(RADAR, "dB", (0.0,) * 2, (1.0,) * 2, 0, 0),
}

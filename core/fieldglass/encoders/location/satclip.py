"""SatCLIP's location encoder: spherical harmonics and a network of sines. numpy in float64 alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.encoders.location.harmonics import harmonics
from fieldglass.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64

__all__ = ["SatClipLocation"]

_FIRST_FREQUENCY = 30.0


class SatClipLocation:
    """`state` holds the tensors of a checkpoint; those whose name contains `nnet` are the network.

    The number of layers, their widths and the number of Legendre degrees are read from their shapes. `variant` says
    how the harmonics of order 0 are scaled, see `harmonics`; a checkpoint needs the one it was trained with.
    """

    coordinates = "lonlat"  # what the published network takes; calls here are latitude first, as everywhere

    def __init__(
        self,
        state: Mapping[str, Any],
        *,
        variant: Literal["legacy_pi", "orthonormal"] = "legacy_pi",
        what: str = "SatCLIP",
    ) -> None:
        if variant not in ("legacy_pi", "orthonormal"):
            raise UsageError(f"sh_variant {variant!r} is not known.", hint="Use legacy_pi or orthonormal.")
        tensors = {
            name[name.index("nnet") :]: np.asarray(value, dtype=np.float64)
            for name, value in state.items()
            if "nnet" in name
        }
        depth = 0
        while f"nnet.layers.{depth}.weight" in tensors:
            depth += 1
        names = [*(f"nnet.layers.{layer}" for layer in range(depth)), "nnet.last_layer"]
        wanted = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
        if depth == 0 or set(tensors) != wanted:
            raise WeightsError(
                f"{what}: the location network has {sorted(set(tensors) - wanted) or 'nothing'} besides and lacks "
                f"{sorted(wanted - set(tensors)) or 'layers'}."
            )
        self._layers = [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names]
        width = self._layers[0][0].shape[1]
        self.degrees = math.isqrt(width)
        sizes = [width, *(weight.shape[0] for weight, _ in self._layers)]
        fitting = all(
            weight.shape == (sizes[row + 1], sizes[row]) and bias.shape == (sizes[row + 1],)
            for row, (weight, bias) in enumerate(self._layers)
        )
        if self.degrees**2 != width or not fitting:
            raise WeightsError(f"{what}: the layers of the location network do not fit: {sizes}.")
        self.dim = sizes[-1]
        self._variant = variant

    def __call__(self, places: NDArray[np.float64]) -> F64:
        """(n, 2) latitude, longitude in degrees -> (n, dim) float64, not normalised."""
        found: F64 = harmonics(places, self.degrees, self._variant)
        for row, (weight, bias) in enumerate(self._layers):
            found = found @ weight.T + bias
            if row + 1 < len(self._layers):
                found = np.sin((_FIRST_FREQUENCY if row == 0 else 1.0) * found)
        return found

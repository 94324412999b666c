"""The networks that turn a picture's vector into a pseudo-word, from the files that their authors publish."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.composers.normal import normal_cdf
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import cards
from fieldglass.models.weights import read

if TYPE_CHECKING:
    from fieldglass.types import F32, F64

__all__ = ["Phi", "load_phi"]

_WRAPPERS = ("Phi", "state_dict_img2text", "state_dict", "model_state_dict")
_GELU = ("layers.0", "layers.3", "layers.6")  # SEARLE, LinCIR and RTD; what lies between has no weights
_BLOCK = re.compile(r"layers\.(\d+)\.0\.weight")  # Pic2Word


@dataclass(frozen=True)
class Phi:
    """Linear layers (weight (out, in), bias (out,)) with GELU or ReLU between them; dropout is off."""

    layers: tuple[tuple[F32, F32], ...]
    gelu: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Width of what goes in and of what comes out."""
        return int(self.layers[0][0].shape[1]), int(self.layers[-1][0].shape[0])

    def __call__(self, raw: F32) -> F32:
        """Vectors before normalisation (n, in) -> pseudo-words (n, out) float32."""
        found = np.asarray(raw, dtype=np.float64)
        for at, (weight, bias) in enumerate(self.layers):
            found = found @ weight.T.astype(np.float64) + bias
            if at + 1 < len(self.layers):
                found = _gelu(found) if self.gelu else np.maximum(found, 0.0)
        return np.asarray(found, dtype=np.float32)


def load_phi(weights: str, encoder: Any, name: str) -> Phi:
    """The network in a file of SEARLE, LinCIR (`{"Phi": ...}`) or Pic2Word (`{"state_dict_img2text": ...}`).

    UsageError without a file. WeightsError where the file is of another architecture, or of another width than the
    encoder's: both shapes are named, and the models that fit.
    """
    if not weights:
        raise UsageError(f"{name!r} needs its network.", hint="Give the authors' file: --set weights=FILE.")
    path = Path(weights).expanduser()
    phi = _known(path, path.stat().st_mtime_ns if path.is_file() else 0)
    wanted = (int(encoder.dim), int(encoder.token_dim))
    if phi.shape != wanted:
        fits = [card.name for card in cards().values() if card.family == "open_clip" and card.dim == phi.shape[0]]
        raise WeightsError(
            f"{path.name} turns vectors of {phi.shape[0]} into words of {phi.shape[1]}; "
            f"{encoder.name} has vectors of {wanted[0]} and words of {wanted[1]}.",
            hint=f"Vectors of {phi.shape[0]} are those of {', '.join(sorted(fits))}." if fits else "",
        )
    return phi


@lru_cache(maxsize=4)
def _known(path: Path, _stamp: int) -> Phi:
    return _phi({key: value.float().numpy() for key, value in read(path, _WRAPPERS).items()}, path)


def _phi(state: Mapping[str, F32], path: Path) -> Phi:
    blocks = sorted(int(found[1]) for found in map(_BLOCK.fullmatch, state) if found)
    names = (*(f"layers.{block}.0" for block in blocks), "fc_out") if blocks else _GELU
    wanted = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    if set(state) != wanted:
        missing, extra = sorted(wanted - set(state)), sorted(set(state) - wanted)
        what = f"it lacks {missing[0]}" if missing else f"it has {extra[0]} besides"
        raise WeightsError(
            f"{path} is not a network of SEARLE, LinCIR or Pic2Word: {what}.",
            hint="Files of CLIP itself go to the encoder, not to the composer.",
        )
    layers = tuple((state[f"{name}.weight"], state[f"{name}.bias"]) for name in names)
    width = layers[0][0].shape[-1]
    for name, (weight, bias) in zip(names, layers, strict=True):
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != (weight.shape[0],):
            raise WeightsError(
                f"{path}: {name} is {weight.shape} with a bias of {bias.shape} after a width of {width}."
            )
        width = weight.shape[0]
    return Phi(layers, gelu=not blocks)


def _gelu(x: F64) -> F64:
    return np.asarray(x * normal_cdf(x))

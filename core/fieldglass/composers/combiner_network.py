"""The Combiner of CLIP4Cir (arXiv 2308.11485) without torch: vectors of a picture and a text become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import cards
from fieldglass.models.weights import notes, read

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["LAYERS", "CombinerNetwork", "load_combiner"]

LAYERS = (
    "text_projection_layer",
    "image_projection_layer",
    "combiner_layer",
    "output_layer",
    "dynamic_scalar.0",
    "dynamic_scalar.3",
)


@dataclass(frozen=True)
class CombinerNetwork:
    """Weights by name, the fingerprint of the encoder they were trained on ("" if unknown); dropout is off."""

    state: Mapping[str, F32]
    encoder: str = ""

    @property
    def width(self) -> int:
        """Of the vectors that go in and come out."""
        return int(self.state["text_projection_layer.weight"].shape[1])

    def __call__(self, pictures: F32, texts: F32) -> F32:
        """(n, d) and (n, d) before normalisation -> (n, d) float32, not normalised.

        c = [relu(W_t u); relu(W_i v)], l = sigmoid(MLP(c)), out = W_o relu(W_c c) + l u + (1 - l) v.
        """
        both = np.concatenate(
            [
                np.maximum(self._linear("text_projection_layer", texts), 0),
                np.maximum(self._linear("image_projection_layer", pictures), 0),
            ],
            axis=1,
        )
        out = self._linear("output_layer", np.maximum(self._linear("combiner_layer", both), 0))
        hidden = np.maximum(self._linear("dynamic_scalar.0", both), 0)
        share = 1 / (1 + np.exp(-self._linear("dynamic_scalar.3", hidden).astype(np.float64)))
        return np.asarray(out + share * texts + (1 - share) * pictures, dtype=np.float32)

    def _linear(self, name: str, vectors: F32) -> F32:
        found: F32 = vectors @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]
        return found


def load_combiner(weights: str, encoder: Any, *, check: bool = True) -> CombinerNetwork:
    """The network in a file of CLIP4Cir (`{"epoch", "Combiner": ...}`) or of `fieldglass train combiner`.

    UsageError without a file. WeightsError where it is of another architecture or width than the encoder's vectors
    (both are named, and the models that fit), or, with `check`, was trained on another encoder.
    """
    if not weights:
        raise UsageError(
            "'combiner' needs its network.",
            hint="Give the authors' file, --set weights=FILE, or make one: fieldglass train combiner --help.",
        )
    path = Path(weights).expanduser()
    found = _known(path, path.stat().st_mtime_ns if path.is_file() else 0)
    if found.width != int(encoder.dim):
        fits = [card.name for card in cards().values() if card.dim == found.width]
        raise WeightsError(
            f"{path.name} combines vectors of {found.width}; those of {encoder.name} have {encoder.dim}.",
            hint=f"Vectors of {found.width} are those of {', '.join(sorted(fits))}." if fits else "",
        )
    if check and found.encoder and found.encoder != encoder.fingerprint:
        raise WeightsError(
            f"{path.name} was trained on {found.encoder}; this collection is of {encoder.fingerprint}.",
            hint="Train on this collection's encoder, or take the risk with --set check=no.",
        )
    return found


@lru_cache(maxsize=2)
def _known(path: Path, _stamp: int) -> CombinerNetwork:
    state = {key: value.float().numpy() for key, value in read(path, ("Combiner", "state_dict")).items()}
    return CombinerNetwork(_checked(state, path), notes(path).get("encoder", ""))


def _checked(state: Mapping[str, F32], path: Path) -> Mapping[str, F32]:
    wanted = {f"{name}.{part}" for name in LAYERS for part in ("weight", "bias")}
    kept = {name: value for name, value in state.items() if name in wanted}
    beyond = sorted(set(state) - wanted - {"logit_scale"})
    if beyond or set(kept) != wanted:
        missing = sorted(wanted - set(kept))
        what = f"it lacks {missing[0]}" if missing else f"it has {beyond[0]} besides"
        raise WeightsError(
            f"{path} is not a Combiner of CLIP4Cir: {what}.",
            hint="Files of CLIP itself go to the encoder, not to the composer.",
        )
    text, hidden = kept["text_projection_layer.weight"], kept["combiner_layer.weight"]
    if text.ndim != 2 or hidden.ndim != 2:
        raise WeightsError(f"{path}: text_projection_layer is {text.shape}, combiner_layer {hidden.shape}.")
    (inner, width), outer = text.shape, hidden.shape[0]
    shapes = {
        "text_projection_layer": (inner, width),
        "image_projection_layer": (inner, width),
        "combiner_layer": (outer, 2 * inner),
        "output_layer": (width, outer),
        "dynamic_scalar.0": (outer, 2 * inner),
        "dynamic_scalar.3": (1, outer),
    }
    for name, shape in shapes.items():
        found, bias = kept[f"{name}.weight"].shape, kept[f"{name}.bias"].shape
        if found != shape or bias != shape[:1]:
            raise WeightsError(f"{path}: {name} is {found} with a bias of {bias}, not {shape} with one of {shape[:1]}.")
    return kept

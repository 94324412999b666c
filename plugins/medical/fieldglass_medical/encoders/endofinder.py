"""EndoFinder (github.com/ku262/EndoFinder): polyps found again, as vectors or as hashes of their signs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.encoders.device import place
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError
from fieldglass.models import weights as weight_files
from fieldglass.models.files import weight_file
from fieldglass.types import Prepared
from fieldglass_medical.encoders.checkpoint import kept
from fieldglass_medical.encoders.display import Display
from fieldglass_medical.encoders.transformer import PictureTransformer, build, geometry

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["BESIDE", "MEAN", "STD", "EndoFinder"]

# what the training leaves beside the network: the decoder of MAE, and the head of the contrastive loss
BESIDE = ("decoder_", "mask_token", "head.", "target_embed.")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class EndoFinder(PictureTransformer):
    """ViT-L/16 of 224 pixels: the class token after the final norm, unit, 1024 numbers; no head.

    `weights` is the official file, or one of the recipe `med/endofinder`; sizes are read from it. `hash` stores the
    signs alone, sign(0) = +1: 1024 bits an item, compared as 1024 - 2 Hamming; search them with the index `binary`.
    `resize_mode`: "squash" to a square, as its evaluation does, or "longest", which keeps the aspect ratio as its
    README says. `window` is how Hounsfield units are shown. Errors come at construction.
    """

    name = "med/endofinder"

    def __init__(
        self,
        *,
        weights: str = "",
        hash: bool = False,
        resize_mode: Literal["squash", "longest", "shortest"] = "squash",
        window: str = "soft",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                f"{self.name} needs weights.", hint="`fieldglass models pull endofinder`, then --encoder endofinder."
            )
        path = weight_file(weights, self.name, ("EndoFinder.pth", "model.safetensors"))
        state = {name: each for name, each in weight_files.read(path).items() if not name.startswith(BESIDE)}
        size, _ = geometry(state, path, "EndoFinder")
        preprocess = Preprocess((size, size), (size, size), MEAN, STD, "bilinear", resize_mode)
        placement = place(device, precision)
        super().__init__(build(state, path, "EndoFinder"), preprocess, Display(window), placement)
        self._hash = hash
        self.dtype = "bits" if hash else "f32"
        asked = {"hash": hash, "resize_mode": resize_mode, "window": window}
        self.fingerprint, self.options = kept(
            self.name, weights, path, placement, asked, preprocess=preprocess.digest(), window=window, hash=hash
        )

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit; of a hash +-1/sqrt(dim)."""
        found = super().images(batch)
        if not self._hash:
            return found
        size = np.float32(1 / np.sqrt(self.dim))
        return np.where(found >= 0, size, -size).astype(np.float32)

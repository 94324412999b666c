"""What the ViTs of pictures share: their shape read from the file, their input, class token and patches."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.once import Once
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights
from fieldglass.types import Prepared, Sample
from fieldglass_medical.encoders.display import Display, accepted

if TYPE_CHECKING:
    from pathlib import Path

    from fieldglass.encoders.device import Placement
    from fieldglass.types import F32

__all__ = ["PictureTransformer", "build", "geometry", "heads_of", "unit"]

_PIECE = 4
_HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}
_BLOCK = re.compile(r"blocks\.(\d+)\.")


def heads_of(width: int) -> int:
    """Attention heads of the usual ViT of that width; one per 64 numbers of another."""
    return _HEADS.get(width, max(1, width // 64))


def geometry(state: Mapping[str, Any], path: Path, what: str) -> tuple[int, int]:
    """(image side, patch side) of a square ViT with a class token; WeightsError where it is none."""
    projection, positions = state.get("patch_embed.proj.weight"), state.get("pos_embed")
    if projection is None or positions is None or "cls_token" not in state or projection.ndim != 4:
        raise WeightsError(
            f"{path} is not a checkpoint of {what}: it holds {', '.join(sorted(state)[:3])} ..., no ViT with a class "
            "token."
        )
    patch, count = int(projection.shape[-1]), int(positions.shape[1]) - 1
    side = math.isqrt(max(count, 0))
    if side < 1 or side**2 != count or tuple(projection.shape[1:]) != (3, patch, patch):
        raise WeightsError(
            f"{path} is not a checkpoint of {what}: {count} positions, {tuple(projection.shape)} patches."
        )
    return side * patch, patch


def build(state: Mapping[str, Any], path: Path, what: str) -> Any:
    """timm's VisionTransformer of the shapes in the file, with its tensors. WeightsError names what does not fit."""
    size, patch = geometry(state, path, what)
    width = int(state["patch_embed.proj.weight"].shape[0])
    blocks = {int(found[1]) for name in state if (found := _BLOCK.match(name))}
    hidden = state.get("blocks.0.mlp.fc1.weight")
    if not blocks or hidden is None:
        raise WeightsError(f"{path} is not a checkpoint of {what}: it has no blocks.")
    with require("torch").random.fork_rng(devices=[]):
        model = require("timm.models.vision_transformer").VisionTransformer(
            img_size=size, patch_size=patch, num_classes=0, global_pool="token", embed_dim=width,
            depth=max(blocks) + 1, num_heads=heads_of(width), mlp_ratio=hidden.shape[0] / width,
            init_values=1e-5 if "blocks.0.ls1.gamma" in state else None,
        )  # fmt: skip
    weights.fit(model, state, path, what)
    return model


class PictureTransformer:
    """Images in HU, "unit" or srgb8 through a ViT: the class token after the final norm, and patches."""

    name = ""
    rows = 1

    def __init__(self, model: Any, preprocess: Preprocess, display: Display, placement: Placement) -> None:
        self._preprocess, self._display, self._placement = preprocess, display, placement
        self.device, self.pixels = placement.device, preprocess.pixels
        self.dim = int(model.num_features)
        self.accepts = accepted({"image": "image"})
        self._model = Once(lambda: model.to(placement.device))

    def prepare(self, sample: Sample) -> Prepared:
        """An image -> (height, width, 3) uint8."""
        if sample.kind != "image":
            raise UsageError(
                f"{self.name} takes images, not {sample.kind}.",
                hint=f"For volumes and clips use med/slices --set encoder={self.name}.",
            )
        return Prepared(self._preprocess(Sample("image", self._display(sample, self.name)), self.name), "image")

    def tokens(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1 + p, dim) float32 after the final norm: the class token, then the patches row by row."""
        found, model = [], self._model()
        for piece in self._placement.pieces(batch, _PIECE):
            with self._placement.inference():
                maps = model.forward_features(self._preprocess.batch(piece, self._placement.device))
            found.append(maps.float().cpu().numpy())
        return np.concatenate(found)

    def raw_images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, the class token as it is."""
        return self.tokens(batch)[:, :1]

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        return unit(self.raw_images(batch))

    def patches(self, batch: Sequence[Prepared]) -> F32:
        """(n, p, dim) float32, unit, row by row."""
        return unit(self.tokens(batch)[:, 1:])


def unit(vectors: F32) -> F32:
    """Vectors of norm 1."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

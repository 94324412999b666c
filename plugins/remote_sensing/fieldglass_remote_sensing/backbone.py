"""`rs/backbone`: a frozen self-supervised network on all bands of Sentinel-1 or Sentinel-2. Images alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights as weight_files
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import kept_name, weight_file
from fieldglass.types import Accepts, Prepared
from fieldglass_remote_sensing.normalisation import RECIPES
from fieldglass_remote_sensing.resizing import resize
from fieldglass_remote_sensing.spectral import RADAR, SENTINEL2, radar, sentinel2
from fieldglass_remote_sensing.towers import build, is_transformer, part

if TYPE_CHECKING:
    from fieldglass.types import F32, Sample

__all__ = ["Backbone", "network_of"]

_PIECE = 8
_FILES = ("model.safetensors", "pytorch_model.bin")
_SENSORS = {len(RADAR): "s1", len(SENTINEL2): "s2"}
_WRAPPERS = ("module.encoder_q.", "encoder_q.", "base_encoder.", "backbone.", "encoder.", "model.")
# what pre-training leaves beside the network: MAE's decoder, MoCo's and DINO's heads
_BESIDE = ("decoder_", "mask_token", "mlp_head.", "projector.", "head.mlp", "head.last_layer", "fc.0", "fc.1", "fc.2")
_HEADS = ("fc.", "head.")


class Backbone:
    """ResNet or ViT of timm: SSL4EO-S12 (MoCo, DINO, MAE), DeCUR, FG-MAE, or a visual tower of CLOSP.

    `weights` is a file or folder; the architecture and the sensor (2 bands are Sentinel-1, 13 are Sentinel-2) are read
    from it. A vector is the pooled feature before any classification head. `normalise`: "moco" (reflectance and
    decibels as they are), "standard" (mean and deviation of SSL4EO-S12), or "closp" (as "moco", without resizing a
    ResNet's image). A ViT also has `patches`. Errors come at construction.
    """

    name = "rs/backbone"
    rows = 1
    dtype = "f32"

    def __init__(
        self,
        *,
        weights: str = "",
        normalise: Literal["moco", "standard", "closp"] = "moco",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                "rs/backbone needs weights.",
                hint="`fieldglass models list --family rs/backbone`, then --encoder NAME; or --weights FILE.",
            )
        path = weight_file(weights, self.name, _FILES)
        state = network_of(weight_files.read(path), path)
        self._transformer = is_transformer(state)
        first = state["patch_embed.proj.weight" if self._transformer else "conv1.weight"]
        if first.ndim != 4 or first.shape[1] not in _SENSORS:
            raise UsageError(
                f"{path} takes {tuple(first.shape)[1:2]} bands; rs/backbone has 2 (Sentinel-1) and 13 (Sentinel-2).",
                hint="For three bands use timm.",
            )
        self._sensor = _SENSORS[int(first.shape[1])]
        if (normalise, self._sensor) not in RECIPES:
            raise UsageError(f"normalise={normalise!r} is not known.", hint="Use moco, standard or closp.")
        self._recipe = RECIPES[normalise, self._sensor]
        self._placement = place(device, precision)
        self.device = self._placement.device
        network = build(state, path, f"the backbone for {self._sensor}", bands=int(first.shape[1]))
        self.dim = int(network.num_features)
        self._model = Once(lambda: network.to(self.device))
        if self._transformer:
            self.patches = self._patches  # a capability of ViTs alone
            self._side = int(network.patch_embed.img_size[0])
        self.accepts = (Accepts(self._sensor, "image", self._recipe.bands, self._recipe.units),)
        self.fingerprint = fingerprint(
            "rs-backbone",
            weights=sha256_of(path),
            recipe=self._recipe._asdict(),
            version=1,
            precision=self._placement.precision,
        )
        kept = kept_name(weights, path)
        self.options: Mapping[str, Any] = {
            "weights": kept,
            "normalise": normalise,
            "precision": self._placement.precision,
        }

    def prepare(self, sample: Sample) -> Prepared:
        """The bands of its sensor -> (bands, height, width) float32, normalised."""
        if sample.kind != "image" or sample.units != self._recipe.units or 0 in sample.content.shape:
            raise UsageError(
                f"{self.name} with these weights takes {', '.join(self._recipe.bands)} in {self._recipe.units}, "
                f"not {sample.kind} in {sample.units}."
            )
        planes = (radar if self._sensor == "s1" else sentinel2)(sample, self.name)
        size, side = self._recipe.size, self._recipe.side
        if self._transformer:
            size, side = self._side, round(self._side * side / size) if size else self._side
        if size:
            planes = resize(planes, size, side=side)
        return Prepared(self._recipe(planes), self._sensor)

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        return _unit(self.raw_images(batch))

    def raw_images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, the pooled features as they are."""
        return self._run(batch, lambda model, maps: model.forward_head(maps, pre_logits=True))[:, None]

    def _patches(self, batch: Sequence[Prepared]) -> F32:
        """(n, p, dim) float32, unit: one vector per patch, row by row, without class token."""
        return _unit(self._run(batch, lambda model, maps: maps[:, model.num_prefix_tokens :]))

    def _run(self, batch: Sequence[Prepared], pool: Any) -> F32:
        torch, model = require("torch"), self._model()
        found: list[Any] = [None] * len(batch)
        for shape in dict.fromkeys(each.content.shape for each in batch):
            rows = [row for row, each in enumerate(batch) if each.content.shape == shape]
            for piece in self._placement.pieces(rows, _PIECE):
                pixels = torch.from_numpy(np.stack([batch[row].content for row in piece])).to(self.device)
                with self._placement.inference():
                    pooled = pool(model, model.forward_features(pixels)).float().cpu().numpy()
                for row, vector in zip(piece, pooled, strict=True):
                    found[row] = vector
        return np.asarray(np.stack(found), dtype=np.float32)


def network_of(state: Mapping[str, Any], path: Any) -> dict[str, Any]:
    """The tensors of the network alone. WeightsError where there is none, or something unknown beside it."""
    found = dict(state)
    for wrapper in _WRAPPERS:
        inner = part(found, wrapper)
        if "conv1.weight" in inner or "patch_embed.proj.weight" in inner:
            found = inner
    if not {"conv1.weight", "patch_embed.proj.weight"} & set(found):
        raise WeightsError(f"{path} holds no ResNet or ViT of timm: {', '.join(sorted(found)[:3])} ...")
    return {name: value for name, value in found.items() if not name.startswith((*_BESIDE, *_HEADS))}


def _unit(vectors: F32) -> F32:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

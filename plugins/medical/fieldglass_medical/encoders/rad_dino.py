"""`med/rad-dino`: RAD-DINO (arXiv 2401.10815), DINOv2 continued on chest X-rays; pictures alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights as weight_files
from fieldglass.models.files import weight_file
from fieldglass_medical.encoders.checkpoint import kept
from fieldglass_medical.encoders.display import Display
from fieldglass_medical.encoders.transformer import PictureTransformer, build, geometry

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RadDino", "timm_names"]

_Three = tuple[float, float, float]
_MEAN: _Three = (0.5307, 0.5307, 0.5307)
_STD: _Three = (0.2583, 0.2583, 0.2583)
_PROCESSOR = "preprocessor_config.json"
_BESIDE = ("mask_token", "embeddings.mask_token")  # of its training
_TOP = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
    "layernorm.": "norm.",
}
_IN_BLOCK = {
    "attention.output.dense.": "attn.proj.",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
_QUERY = ".attention.attention.query."


class RadDino(PictureTransformer):
    """ViT-B/14 of 518 pixels: the class token after the final norm, unit, 768 numbers.

    `weights` is a file or folder of microsoft/rad-dino, in the names of transformers (model.safetensors) or in those
    of DINOv2 and timm (backbone_compatible.safetensors); sizes are read from it. `processor` is its
    preprocessor_config.json; the one beside the weights is found, and without one mean 0.5307 and deviation 0.2583
    hold. `window` is how Hounsfield units are shown; a radiograph goes in through its own window. Errors come at
    construction.
    """

    name = "med/rad-dino"
    dtype = "f32"

    def __init__(
        self,
        *,
        weights: str = "",
        processor: str = "",
        window: str = "soft",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                f"{self.name} needs weights.",
                hint="`fieldglass models pull rad-dino`, then --encoder rad-dino; or --weights FILE.",
            )
        path = weight_file(weights, self.name, ("model.safetensors", "backbone_compatible.safetensors"))
        state = {name: each for name, each in weight_files.read(path).items() if name not in _BESIDE}
        state = timm_names(state, path)
        size, _ = geometry(state, path, "RAD-DINO")
        mean, std = _normalisation(processor, path, self.name)
        preprocess = Preprocess((size, size), (size, size), mean, std, "bicubic", "shortest")
        placement = place(device, precision)
        super().__init__(build(state, path, "RAD-DINO"), preprocess, Display(window), placement)
        asked = {"processor": processor, "window": window}
        self.fingerprint, self.options = kept(
            self.name, weights, path, placement, asked, preprocess=preprocess.digest(), window=window
        )


def _normalisation(processor: str, weights: Path, encoder: str) -> tuple[_Three, _Three]:
    """Mean and deviation of the image processor. WeightsError where its file does not say them."""
    beside = weights.parent / _PROCESSOR
    path = weight_file(processor, encoder, (_PROCESSOR,)) if processor else beside
    if not processor and not beside.is_file():
        return _MEAN, _STD
    try:
        said = json.loads(path.read_text("utf-8"))
        mean, std = (tuple(float(each) for each in said[name]) for name in ("image_mean", "image_std"))
        return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise WeightsError(f"{path} is no configuration of an image processor: {error!r}.") from error


def timm_names(state: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A Dinov2Model of transformers under timm's names: query, key and value in one; others as they are.

    WeightsError where a query has no key or value.
    """
    if "embeddings.cls_token" not in state:
        return dict(state)
    torch, found = require("torch"), {}
    for name, tensor in state.items():
        if _QUERY in name:
            parts = [name.replace(_QUERY, _QUERY.replace("query", each)) for each in ("key", "value")]
            lacking = [each for each in parts if each not in state]
            if lacking:
                raise WeightsError(f"{path} is not a checkpoint of RAD-DINO: it lacks {', '.join(lacking)}.")
            block, end = name.split(_QUERY)
            found[f"{_block(block + '.')}attn.qkv.{end}"] = torch.cat([tensor, *(state[each] for each in parts)])
        elif ".attention.attention.key." not in name and ".attention.attention.value." not in name:
            found[_renamed(name)] = tensor
    return found


def _renamed(name: str) -> str:
    layer = _LAYER.fullmatch(name)
    if layer:
        rest = layer[2]
        for old, new in _IN_BLOCK.items():
            if rest.startswith(old):
                rest = new + rest.removeprefix(old)
        return f"blocks.{layer[1]}.{rest}"
    for old, new in _TOP.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _block(prefix: str) -> str:
    return "blocks." + prefix.removeprefix("encoder.layer.")

"""Vision towers of timm whose shape is read from a state dict: depth, width, patch, bands and head."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["build", "is_transformer", "part"]

_HEAD_WIDTH = 64  # of every published ViT that is loaded here
_BLOCK = re.compile(r"(?:layer(\d)|blocks)\.(\d+)\.")


def part(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The tensors below a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def is_transformer(state: Mapping[str, Any]) -> bool:
    """Whether the tower is a ViT; WeightsError where it is neither that nor a ResNet."""
    if "patch_embed.proj.weight" in state:
        return True
    if "conv1.weight" in state and any(name.startswith("layer4.") for name in state):
        return False
    raise WeightsError(
        f"A vision tower with {', '.join(sorted(state)[:3]) or 'no tensors'} ... is neither a ResNet nor a ViT of timm."
    )


def build(state: Mapping[str, Any], path: Path, what: str, *, bands: int) -> Any:
    """The tower with its tensors, in evaluation mode. WeightsError names what does not fit.

    A head in the file stays: what it puts out is what a projection was trained on.
    """
    from fieldglass.models import weights

    transformer = is_transformer(state)
    first = state["patch_embed.proj.weight" if transformer else "conv1.weight"]
    if first.ndim != 4 or first.shape[1] != bands:
        raise WeightsError(f"{path}: {what} takes {tuple(first.shape)[1:2]} bands, not {bands}.")
    with require("torch").random.fork_rng(devices=[]):
        model = _vit(state, path, what) if transformer else _resnet(state)
    weights.fit(model, state, path, what)
    return model


def _depths(state: Mapping[str, Any]) -> list[int]:
    counts: dict[int, int] = {}
    for name in state:
        found = _BLOCK.match(name)
        if found:
            stage = int(found[1] or 1)
            counts[stage] = max(counts.get(stage, 0), int(found[2]) + 1)
    return [counts[stage] for stage in sorted(counts)]


def _resnet(state: Mapping[str, Any]) -> Any:
    resnet = require("timm.models.resnet")
    block = resnet.Bottleneck if "layer1.0.conv3.weight" in state else resnet.BasicBlock
    classes = state["fc.weight"].shape[0] if "fc.weight" in state else 0
    return resnet.ResNet(block, tuple(_depths(state)), in_chans=state["conv1.weight"].shape[1], num_classes=classes)


def _vit(state: Mapping[str, Any], path: Path, what: str) -> Any:
    projection, positions = state["patch_embed.proj.weight"], state.get("pos_embed")
    if positions is None or "blocks.0.mlp.fc1.weight" not in state:
        raise WeightsError(f"{path}: {what} lacks its position table or blocks.")
    width, patch = projection.shape[0], projection.shape[-1]
    prefixes = int("cls_token" in state)
    side = math.isqrt(positions.shape[1] - prefixes)
    if side**2 != positions.shape[1] - prefixes or width % min(width, _HEAD_WIDTH):
        raise WeightsError(f"{path}: {what} has {positions.shape[1]} positions and width {width}: no square ViT.")
    return require("timm.models.vision_transformer").VisionTransformer(
        img_size=side * patch,
        patch_size=patch,
        in_chans=projection.shape[1],
        num_classes=state["head.weight"].shape[0] if "head.weight" in state else 0,
        global_pool="avg" if "fc_norm.weight" in state else "token" if prefixes else "avg",
        class_token=bool(prefixes),
        embed_dim=width,
        depth=_depths(state)[0],
        num_heads=max(1, width // _HEAD_WIDTH),
        mlp_ratio=state["blocks.0.mlp.fc1.weight"].shape[0] / width,
        qkv_bias="blocks.0.attn.qkv.bias" in state,
        init_values=1e-5 if "blocks.0.ls1.gamma" in state else None,
    )

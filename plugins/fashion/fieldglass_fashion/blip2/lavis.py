"""Checkpoints of LAVIS and SPRC, in the names of transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError

__all__ = ["POST_EPS", "is_lavis", "renamed"]

POST_EPS = 1e-5  # of `ln_vision`, which LAVIS makes with torch's default

_NAMES = (
    (r"^visual_encoder\.cls_token$", "vision_model.embeddings.class_embedding"),
    (r"^visual_encoder\.pos_embed$", "vision_model.embeddings.position_embedding"),
    (r"^visual_encoder\.patch_embed\.proj\.", "vision_model.embeddings.patch_embedding."),
    (r"^visual_encoder\.blocks\.(\d+)\.norm([12])\.", r"vision_model.encoder.layers.\1.layer_norm\2."),
    (r"^visual_encoder\.blocks\.(\d+)\.attn\.proj\.", r"vision_model.encoder.layers.\1.self_attn.projection."),
    (r"^visual_encoder\.blocks\.(\d+)\.attn\.", r"vision_model.encoder.layers.\1.self_attn."),
    (r"^visual_encoder\.blocks\.(\d+)\.", r"vision_model.encoder.layers.\1."),
    (r"^ln_vision\.", "vision_model.post_layernorm."),
    (r"^Qformer\.bert\.embeddings\.LayerNorm\.", "qformer.layernorm."),
    (r"^Qformer\.bert\.embeddings\.", "embeddings."),
    (r"^Qformer\.bert\.encoder\.(layer\.\d+)\.(attention|crossattention)\.self\.", r"qformer.encoder.\1.\2.attention."),
    (r"^Qformer\.bert\.", "qformer."),
    (r"^vision_proj\.", "vision_projection."),
    (r"^text_proj\.", "text_projection."),
)  # fmt: skip
_LEFT = ("Qformer.cls.", "temp", "prompt_tokens", "Qformer.bert.embeddings.position_ids")


def is_lavis(state: Mapping[str, Any]) -> bool:
    """Whether tensors have the names of LAVIS."""
    return any(name.startswith(("Qformer.bert.", "visual_encoder.")) for name in state)


def renamed(state: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The tensors by transformers' names, without what only trains (the language head, temperature, prompt bank).

    WeightsError for the ViT-L variant, whose vision tower is CLIP's.
    """
    if any(name.startswith(("visual_encoder.transformer.", "visual_encoder.ln_pre")) for name in state):
        raise WeightsError(
            f"{path} has CLIP's ViT-L for a vision tower, which fashion/blip2 does not build.",
            hint="Take the checkpoint with ViT-g.",
        )
    torch, found = require("torch"), dict[str, Any]()
    biases: dict[str, dict[str, Any]] = {}
    for name, tensor in state.items():
        if name.startswith(_LEFT):
            continue
        new = name
        for pattern, to in _NAMES:
            new, count = re.subn(pattern, to, name)
            if count:
                break
        part = new.rpartition(".")[2]
        if part in ("q_bias", "v_bias"):
            biases.setdefault(new.rpartition(".")[0], {})[part] = tensor
        else:
            found[new] = tensor
    for prefix, pair in biases.items():  # keys have no bias there
        if set(pair) != {"q_bias", "v_bias"}:
            raise WeightsError(f"{path}: {prefix} has {', '.join(pair)} without its other half.")
        found[f"{prefix}.qkv.bias"] = torch.cat([pair["q_bias"], torch.zeros_like(pair["v_bias"]), pair["v_bias"]])
    return found

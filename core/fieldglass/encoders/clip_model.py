"""CLIPs that transformers wrote (`CLIPModel`), in the names of open_clip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fieldglass._torchvision import require

__all__ = ["is_clip_model", "renamed"]

_MARK = "vision_model.embeddings.class_embedding"
_NAMES = (
    (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
    (r"^text_model\.embeddings\.token_embedding\.", "token_embedding."),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
)
_LAYER = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip
_PART = re.compile(r"^(.*resblocks\.\d+)\.self_attn\.([qkv])_proj\.(weight|bias)$")
_TURNED = {"visual_projection.weight": "visual.proj", "text_projection.weight": "text_projection"}


def is_clip_model(state: Mapping[str, Any]) -> bool:
    """Whether tensors are those of a `CLIPModel` with its two projections."""
    return _MARK in state and "visual_projection.weight" in state


def renamed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The same tensors as open_clip names them: queries, keys and values in one, projections turned.

    Buffers of positions are left out; what has no counterpart keeps its name, so that loading tells of it.
    """
    torch, found = require("torch"), dict[str, Any]()
    parts: dict[str, dict[str, Any]] = {}
    for name, value in state.items():
        if name.endswith(".position_ids"):
            continue
        if name in _TURNED:
            found[_TURNED[name]] = value.T.contiguous()
            continue
        new = name
        for pattern, to in _NAMES:
            new = re.sub(pattern, to, new)
        part = _PART.match(new)
        if part:
            parts.setdefault(f"{part[1]}.attn.in_proj_{part[3]}", {})[part[2]] = value
            continue
        for old, to in _LAYER.items():
            new = new.replace(f".{old}.", f".{to}.") if "resblocks" in new else new
        found[new] = value
    for name, three in parts.items():
        found[name] = torch.cat([three[part] for part in "qkv" if part in three])
    return found

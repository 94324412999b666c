"""The vision tower of M3D-CLIP (arXiv 2404.00578): a ViT on patches of a grey volume, with a table of positions.

Names and shapes are those of its checkpoint, whose blocks are MONAI's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError
from fieldglass.models import weights

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Sizes", "build", "tokens"]

_BLOCK = re.compile(r"blocks\.(\d+)\.")


@dataclass(frozen=True)
class Sizes:
    """(depth, height, width) of a volume and of a patch, and the attention heads (0: one per 64 numbers)."""

    volume: tuple[int, int, int] = (32, 256, 256)
    patch: tuple[int, int, int] = (4, 16, 16)
    heads: int = 0

    @staticmethod
    def beside(path: Path) -> Sizes:
        """What the config.json beside the weights says; the published sizes without one. WeightsError if it is odd."""
        file = path.parent / "config.json"
        if not file.is_file():
            return Sizes()
        try:
            said = json.loads(file.read_text("utf-8"))
            volume, patch = (tuple(int(each) for each in said[name]) for name in ("img_size", "patch_size"))
            heads = int(said.get("num_heads", 0))
            if len(volume) != 3 or len(patch) != 3 or min(*volume, *patch) < 1 or heads < 0:
                raise ValueError(f"img_size {volume}, patch_size {patch}, num_heads {heads}")
            if any(side % step for side, step in zip(volume, patch, strict=True)):
                raise ValueError(f"img_size {volume} is no multiple of patch_size {patch}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{file} does not say the sizes of M3D-CLIP: {error!r}.") from error
        return Sizes((volume[0], volume[1], volume[2]), (patch[0], patch[1], patch[2]), heads)


def build(state: Mapping[str, Any], sizes: Sizes, path: Path) -> Any:
    """The modules of `vision_encoder.` with its tensors. WeightsError names what does not fit."""
    entry, table = state.get("patch_embedding.patch_embeddings.1.weight"), state.get("norm.weight")
    hidden = state.get("blocks.0.mlp.linear1.weight")
    if entry is None or table is None or hidden is None:
        raise WeightsError(f"{path} is not a checkpoint of M3D-CLIP: it holds no vision tower of its names.")
    nn, torch, width = require("torch").nn, require("torch"), int(table.shape[0])
    heads = sizes.heads or max(1, width // 64)
    if width % heads:
        raise WeightsError(f"{path} is not a checkpoint of M3D-CLIP: width {width} in {heads} heads.")
    with torch.random.fork_rng(devices=[]):
        made = nn.Module()
        made.patch_embedding = nn.Module()
        made.patch_embedding.patch_embeddings = nn.Sequential(nn.Identity(), nn.Linear(math.prod(sizes.patch), width))
        places = math.prod(side // step for side, step in zip(sizes.volume, sizes.patch, strict=True))
        made.patch_embedding.position_embeddings = nn.Parameter(torch.zeros(1, places, width))
        depth = 1 + max(int(found[1]) for name in state if (found := _BLOCK.match(name)))
        made.blocks = nn.ModuleList([_block(nn, width, int(hidden.shape[0])) for _ in range(depth)])
        made.norm, made.cls_token = nn.LayerNorm(width), nn.Parameter(torch.zeros(1, 1, width))
    weights.fit(made, state, path, "M3D-CLIP")
    made.heads = heads
    return made


def tokens(model: Any, volumes: Any, sizes: Sizes) -> Any:
    """(n, depth, height, width) float 0..1 -> (n, 1 + patches, dim) after the norm, the class token first."""
    torch, (deep, high, wide) = require("torch"), sizes.patch
    count, depth, height, width = volumes.shape
    cut = volumes.reshape(count, depth // deep, deep, height // high, high, width // wide, wide)
    entry = model.patch_embedding
    states = entry.patch_embeddings(cut.permute(0, 1, 3, 5, 2, 4, 6).reshape(count, -1, deep * high * wide))
    states = torch.cat([model.cls_token.expand(count, -1, -1), states + entry.position_embeddings], dim=1)
    for block in model.blocks:
        normed = block.norm1(states)
        query, key, value = block.attn.qkv(normed).unflatten(-1, (3, model.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        states = states + block.attn.out_proj(seen.transpose(1, 2).flatten(2))
        raised = torch.nn.functional.gelu(block.mlp.linear1(block.norm2(states)))
        states = states + block.mlp.linear2(raised)
    return model.norm(states)


def _block(nn: Any, width: int, hidden: int) -> Any:
    made = nn.Module()
    made.norm1, made.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
    made.attn, made.mlp = nn.Module(), nn.Module()
    made.attn.qkv, made.attn.out_proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
    made.mlp.linear1, made.mlp.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
    return made

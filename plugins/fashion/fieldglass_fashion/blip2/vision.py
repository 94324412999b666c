"""The vision tower of BLIP-2: EVA's ViT-g/14, pre-norm, one tensor for queries, keys and values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fieldglass_fashion.blip2.shape import Shape

__all__ = ["Vision"]


class Vision(nn.Module):
    """Pixels (n, 3, side, side) normalised -> states (n, positions, width). The names of tensors are transformers'."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embeddings = _Embeddings(shape)
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(Block(shape) for _ in range(shape.layers))})
        self.post_layernorm = nn.LayerNorm(shape.width, eps=shape.post_eps)

    def forward(self, pixels: Tensor, adapters: nn.ModuleList | None = None) -> Tensor:
        """With `adapters`, one a block, each applied to what its block gives."""
        states = self.embeddings(pixels)
        for number, block in enumerate(self.encoder["layers"]):
            states = block(states)
            if adapters is not None:
                states = adapters[number](states)
        return self.post_layernorm(states)


class Block(nn.Module):
    """Attention and MLP, each after a norm and added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.self_attn = nn.ModuleDict(
            {
                "qkv": nn.Linear(shape.width, 3 * shape.width, bias=shape.qkv_bias),
                "projection": nn.Linear(shape.width, shape.width),
            }
        )
        self.layer_norm1 = nn.LayerNorm(shape.width, eps=shape.eps)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(shape.width, shape.hidden), "fc2": nn.Linear(shape.hidden, shape.width)}
        )
        self.layer_norm2 = nn.LayerNorm(shape.width, eps=shape.eps)

    def forward(self, states: Tensor) -> Tensor:
        """(n, positions, width) -> the same."""
        count, length, width = states.shape
        mixed = self.self_attn["qkv"](self.layer_norm1(states))
        query, key, value = mixed.view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        states = states + self.self_attn["projection"](seen.transpose(1, 2).reshape(count, length, width))
        inner = functional.gelu(self.mlp["fc1"](self.layer_norm2(states)))
        return states + self.mlp["fc2"](inner)


class _Embeddings(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.patch_embedding = nn.Conv2d(3, shape.width, shape.patch, stride=shape.patch)
        self.position_embedding = nn.Parameter(torch.zeros(1, shape.positions, shape.width))

    def forward(self, pixels: Tensor) -> Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(patches), -1, -1).to(patches.dtype)
        return torch.cat([first, patches], dim=1) + self.position_embedding

"""What FashionBLIP-2 adds to BLIP-2 (arXiv 2507.05135): adapters in the vision tower, and a matching of 12 heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Adapter", "Matching", "adapters"]


class Adapter(nn.Module):
    """x + up(GELU(down(norm(x)))) after a block. `up` is zero at first, so that nothing changes before training."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Tensor) -> Tensor:
        """(n, positions, width) -> the same."""
        return states + self.up(functional.gelu(self.down(self.norm(states))))


def adapters(width: int, bottleneck: int, blocks: int) -> nn.ModuleList:
    """One a block."""
    return nn.ModuleList(Adapter(width, bottleneck) for _ in range(blocks))


class Matching(nn.Module):
    """Query tokens of a picture with a sentence, and of a candidate, mixed to some heads, each a unit vector.

    `T` (heads, tokens) mixes the tokens and `W` (channels, width) the channels: Q' = T Q W'. The score of a candidate
    is the sum over the heads of cos(Q'_h, C'_h), from -heads to heads. With `apart` the candidates have a T and a W
    of their own.
    """

    def __init__(self, tokens: int, width: int, heads: int = 12, channels: int = 256, *, apart: bool = False) -> None:
        super().__init__()
        self.query = _Mixing(tokens, width, heads, channels)
        self.candidate = _Mixing(tokens, width, heads, channels) if apart else None

    def queries(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, heads, channels), unit."""
        return functional.normalize(self.query(tokens).float(), dim=-1)

    def candidates(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, heads, channels), unit."""
        mixing = self.query if self.candidate is None else self.candidate
        return functional.normalize(mixing(tokens).float(), dim=-1)

    def begin(self, projection: nn.Linear) -> None:
        """Where a training starts: each head the mean of some neighbouring tokens, by BLIP-2's own projection."""
        for mixing in (self.query, self.candidate):
            if mixing is not None:
                mixing.begin(projection)


class _Mixing(nn.Module):
    def __init__(self, tokens: int, width: int, heads: int, channels: int) -> None:
        super().__init__()
        self.tokens = nn.Linear(tokens, heads, bias=False)
        self.channels = nn.Linear(width, channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.channels(self.tokens(tokens.transpose(1, 2)).transpose(1, 2))

    @torch.no_grad()
    def begin(self, projection: nn.Linear) -> None:
        self.tokens.weight.zero_()
        for head, part in enumerate(torch.arange(self.tokens.in_features).tensor_split(self.tokens.out_features)):
            self.tokens.weight[head, part] = 1 / len(part)
        if projection.weight.shape == self.channels.weight.shape:
            self.channels.weight.copy_(projection.weight)

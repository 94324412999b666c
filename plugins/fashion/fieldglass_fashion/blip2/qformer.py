"""The Q-Former of BLIP-2: a BERT whose queries look at a picture in some of its layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fieldglass_fashion.blip2.shape import Shape

__all__ = ["QFormer", "Words"]


class Words(nn.Module):
    """Token ids (n, length) -> (n, length, width): words and their positions, not normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.words, shape.text_width)
        self.position_embeddings = nn.Embedding(shape.text_positions, shape.text_width)

    def forward(self, ids: Tensor) -> Tensor:
        """Positions count from the first token, whatever queries stand before it."""
        found: Tensor = self.word_embeddings(ids)
        return found + self.position_embeddings.weight[: ids.shape[1]]


class QFormer(nn.Module):
    """The first `queries` places of a sequence are queries, the others text; each kind has its own feed-forward.

    With no queries every place takes that of the text, and nothing looks at a picture.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(shape.text_width, eps=shape.text_eps)
        layers = nn.ModuleList(_Layer(shape, crossed=number in shape.crossed) for number in range(shape.text_layers))
        self.encoder = nn.ModuleDict({"layer": layers})

    def forward(
        self, sequence: Tensor, queries: int, mask: Tensor | None = None, picture: Tensor | None = None
    ) -> Tensor:
        """(n, length, width), of text the mask (n, length) bool, states (n, positions, width) -> (n, length, width)."""
        states = self.layernorm(sequence)
        attended = None if mask is None else mask[:, None, None, :]
        for layer in self.encoder["layer"]:
            states = layer(states, queries, attended, picture)
        return states


class _Layer(nn.Module):
    def __init__(self, shape: Shape, *, crossed: bool) -> None:
        super().__init__()
        self.attention = _Attention(shape, shape.text_width)
        self.crossattention = _Attention(shape, shape.width) if crossed else None
        self.intermediate, self.output = _dense(shape.text_width, shape.text_hidden), _Output(shape, shape.text_hidden)
        self.intermediate_query = _dense(shape.text_width, shape.text_hidden)
        self.output_query = _Output(shape, shape.text_hidden)

    def forward(self, states: Tensor, queries: int, mask: Tensor | None, picture: Tensor | None) -> Tensor:
        states = self.attention(states, states, mask)
        asked, said = states[:, :queries], states[:, queries:]
        parts = []
        if queries:
            if self.crossattention is not None and picture is not None:
                asked = self.crossattention(asked, picture, None)
            parts.append(self.output_query(functional.gelu(self.intermediate_query["dense"](asked)), asked))
        if said.shape[1]:
            parts.append(self.output(functional.gelu(self.intermediate["dense"](said)), said))
        return torch.cat(parts, dim=1)


class _Attention(nn.Module):
    """Multi-head attention, added to what came in, and a norm after it."""

    def __init__(self, shape: Shape, seen: int) -> None:
        super().__init__()
        width, self.heads = shape.text_width, shape.text_heads
        self.attention = nn.ModuleDict(
            {"query": nn.Linear(width, width), "key": nn.Linear(seen, width), "value": nn.Linear(seen, width)}
        )
        self.output = _Output(shape, width)

    def forward(self, states: Tensor, seen: Tensor, mask: Tensor | None) -> Tensor:
        query = self._split(self.attention["query"](states))
        key, value = (self._split(self.attention[name](seen)) for name in ("key", "value"))
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.output(found.transpose(1, 2).flatten(2), states)

    def _split(self, states: Tensor) -> Tensor:
        return states.unflatten(2, (self.heads, -1)).transpose(1, 2)


class _Output(nn.Module):
    def __init__(self, shape: Shape, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, shape.text_width)
        self.LayerNorm = nn.LayerNorm(shape.text_width, eps=shape.text_eps)

    def forward(self, hidden: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(hidden) + before)


def _dense(width: int, hidden: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(width, hidden)})

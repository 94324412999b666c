"""BLIP-2 for retrieval: pictures as 32 vectors, sentences as one, and both together."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fieldglass_fashion.blip2.qformer import QFormer, Words
from fieldglass_fashion.blip2.shape import Shape
from fieldglass_fashion.blip2.vision import Vision

__all__ = ["Network"]


class Network(nn.Module):
    """Tensors are named as in `Blip2ForImageTextRetrieval` of transformers.

    `states` are what the vision tower gives, (n, positions, width); `ids` and `mask` are (n, length) int64 and bool.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.vision_model = Vision(shape)
        self.query_tokens = nn.Parameter(torch.zeros(1, shape.queries, shape.text_width))
        self.embeddings = Words(shape)
        self.qformer = QFormer(shape)
        self.vision_projection = nn.Linear(shape.text_width, shape.dim)
        self.text_projection = nn.Linear(shape.text_width, shape.dim)
        self.itm_head = nn.Linear(shape.text_width, 2)

    def picture_tokens(self, states: Tensor) -> Tensor:
        """(n, queries, text width): what the queries saw."""
        return self.qformer(self._queries(len(states)), self.shape.queries, picture=states)

    def joint_tokens(self, states: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, queries, text width): what the queries saw with a sentence beside them."""
        found = self.qformer(
            torch.cat([self._queries(len(states)), self.embeddings(ids)], dim=1),
            self.shape.queries,
            self._with_queries(mask),
            states,
        )
        return found[:, : self.shape.queries]

    def pictures(self, states: Tensor) -> Tensor:
        """(n, queries, dim), unit rows."""
        return _unit(self.vision_projection(self.picture_tokens(states)))

    def sentences(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, dim), unit: the first token, without any picture."""
        return _unit(self.text_projection(self.qformer(self.embeddings(ids), 0, mask)[:, 0]))

    def prompted(self, states: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, dim), unit: SPRC's query (arXiv 2312.05284).

        What the queries saw with the sentence stands, as a prompt, before the sentence in a second pass that sees no
        picture; there every place takes the feed-forward of the text. The first token of the sentence is read.
        """
        prompt = self.joint_tokens(states, ids, mask)
        sequence = torch.cat([prompt, self.embeddings(ids).to(prompt.dtype)], dim=1)
        found = self.qformer(sequence, 0, self._with_queries(mask))
        return _unit(self.text_projection(found[:, self.shape.queries]))

    def matching(self, states: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, 2) logits of "does not match" and "matches", the mean over the queries."""
        return self.itm_head(self.joint_tokens(states, ids, mask)).mean(dim=1).float()

    def _queries(self, count: int) -> Tensor:
        return self.query_tokens.expand(count, -1, -1)

    def _with_queries(self, mask: Tensor) -> Tensor:
        return torch.cat([mask.new_ones(len(mask), self.shape.queries), mask], dim=1)


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors.float(), dim=-1)

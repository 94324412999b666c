"""The sizes of a BLIP-2, as its tensors and its config.json tell them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass.errors import WeightsError

__all__ = ["Shape", "shape_of"]

_VISION = "vision_model.encoder.layers."
_QFORMER = "qformer.encoder.layer."


@dataclass(frozen=True)
class Shape:
    """Widths, depths and heads. `crossed` are the Q-Former's layers that look at the picture."""

    width: int
    layers: int
    heads: int
    hidden: int
    patch: int
    positions: int
    qkv_bias: bool
    text_width: int
    text_layers: int
    text_heads: int
    text_hidden: int
    crossed: tuple[int, ...]
    words: int
    text_positions: int
    queries: int
    dim: int
    eps: float = 1e-6
    post_eps: float = 1e-6
    text_eps: float = 1e-12

    @property
    def image_size(self) -> int:
        """Pixels of a side: 224, or 364 for the checkpoint of COCO."""
        return math.isqrt(self.positions - 1) * self.patch


def shape_of(
    state: Mapping[str, Any], config: Mapping[str, Any], path: Path, *, post_eps: float | None = None
) -> Shape:
    """Of tensors in the layout of `Blip2ForImageTextRetrieval`. WeightsError where they are no BLIP-2 for retrieval.

    `config` is the content of config.json, {} without one: heads and epsilons are then those of the official ones.
    """
    vision, text = (dict(config.get(name) or {}) for name in ("vision_config", "qformer_config"))
    try:
        patch = state["vision_model.embeddings.patch_embedding.weight"]
        positions = state["vision_model.embeddings.position_embedding"].shape[1]
        depth, text_depth = _count(state, _VISION), _count(state, _QFORMER)
        words = state["embeddings.word_embeddings.weight"]
        eps = float(vision.get("layer_norm_eps", 1e-6))
        shape = Shape(
            width=patch.shape[0],
            layers=depth,
            heads=int(vision.get("num_attention_heads", 16)),
            hidden=state[f"{_VISION}0.mlp.fc1.weight"].shape[0],
            patch=patch.shape[2],
            positions=positions,
            qkv_bias=f"{_VISION}0.self_attn.qkv.bias" in state,
            text_width=words.shape[1],
            text_layers=text_depth,
            text_heads=int(text.get("num_attention_heads", 12)),
            text_hidden=state[f"{_QFORMER}0.intermediate.dense.weight"].shape[0],
            crossed=tuple(
                layer
                for layer in range(text_depth)
                if f"{_QFORMER}{layer}.crossattention.attention.query.weight" in state
            ),
            words=words.shape[0],
            text_positions=state["embeddings.position_embeddings.weight"].shape[0],
            queries=state["query_tokens"].shape[1],
            dim=state["vision_projection.weight"].shape[0],
            eps=eps,
            post_eps=eps if post_eps is None else post_eps,
            text_eps=float(text.get("layer_norm_eps", 1e-12)),
        )
    except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a BLIP-2 for retrieval: {error}.",
            hint="Give model.safetensors of Salesforce/blip2-itm-vit-g or -coco, with its config.json beside it.",
        ) from error
    if math.isqrt(positions - 1) ** 2 != positions - 1 or shape.width % shape.heads:
        raise WeightsError(
            f"{path}: {positions} positions and {shape.heads} heads do not fit a width of {shape.width}."
        )
    if shape.text_width % shape.text_heads or not shape.crossed:
        raise WeightsError(
            f"{path}: its Q-Former of {shape.text_heads} heads and width {shape.text_width} is not sound."
        )
    return shape


def _count(state: Mapping[str, Any], prefix: str) -> int:
    return 1 + max(int(name[len(prefix) :].partition(".")[0]) for name in state if name.startswith(prefix))

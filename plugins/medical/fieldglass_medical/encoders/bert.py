"""BERT under the names that Hugging Face's checkpoints have, with layers that look at another sequence besides.

Its layers are used one by one by PTUnifier, which puts vectors of its own between the embeddings and the layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError
from fieldglass.models import weights

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bert", "embedded", "encoded", "layer", "part", "passed"]

_EPS = 1e-12
_HEAD_WIDTH = 64
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


def part(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The tensors under a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def bert(state: Mapping[str, Any], path: Path, what: str) -> Any:
    """The BERT whose sizes and tensors `state` holds: `embeddings` and `encoder.layer`, without its pooler.

    WeightsError names what does not fit.
    """
    tables = {name: state.get(f"embeddings.{name}_embeddings.weight") for name in ("word", "position", "token_type")}
    first = state.get("encoder.layer.0.intermediate.dense.weight")
    if first is None or any(each is None or each.ndim != 2 for each in tables.values()):
        raise WeightsError(f"{path} is not a checkpoint of {what}: it holds no BERT.")
    nn, width = require("torch").nn, int(tables["word"].shape[1])
    depth = 1 + max(int(found[1]) for name in state if (found := _LAYER.match(name)))
    with require("torch").random.fork_rng(devices=[]):
        made = nn.Module()
        made.embeddings = nn.Module()
        for name, table in tables.items():
            made.embeddings.add_module(f"{name}_embeddings", nn.Embedding(len(table), width))
        made.embeddings.LayerNorm = nn.LayerNorm(width, eps=_EPS)
        made.encoder = nn.Module()
        made.encoder.layer = nn.ModuleList([layer(width, int(first.shape[0])) for _ in range(depth)])
    weights.fit(
        made, state, path, what, ignore=("pooler.", "embeddings.position_ids", "embeddings.token_type_ids", "cls.")
    )
    return made


def layer(width: int, hidden: int, *, across: bool = False) -> Any:
    """A layer of BERT; `across` adds `crossattention`, whose keys and values are another sequence."""
    nn = require("torch").nn
    made = nn.Module()
    made.attention = _attention(nn, width)
    if across:
        made.crossattention = _attention(nn, width)
    made.intermediate = nn.Module()
    made.intermediate.dense = nn.Linear(width, hidden)
    made.output = _output(nn, hidden, width)
    return made


def embedded(model: Any, ids: Any) -> Any:
    """(n, t) ids -> (n, t, width): words, positions and token type 0, normalised."""
    torch, tables = require("torch"), model.embeddings
    places = torch.arange(ids.shape[1], device=ids.device)
    whole = tables.word_embeddings(ids) + tables.position_embeddings(places)
    return tables.LayerNorm(whole + tables.token_type_embeddings.weight[0])


def encoded(model: Any, states: Any, mask: Any) -> Any:
    """(n, t, width) embeddings -> the last hidden states; `mask` (n, t) bool, True where there is a token."""
    for each in model.encoder.layer:
        states = passed(each, states, mask)
    return states


def passed(block: Any, states: Any, mask: Any, other: Any = None, other_mask: Any = None) -> Any:
    """(n, t, width) through a layer; one made `across` looks at `other` (n, u, width) after itself."""
    states = _looked(block.attention, states, states, mask)
    if other is not None:
        states = _looked(block.crossattention, states, other, other_mask)
    raised = require("torch").nn.functional.gelu(block.intermediate.dense(states))
    return block.output.LayerNorm(block.output.dense(raised) + states)


def _attention(nn: Any, width: int) -> Any:
    made, inner = nn.Module(), nn.Module()
    inner.query, inner.key, inner.value = (nn.Linear(width, width) for _ in range(3))
    made.add_module("self", inner)
    made.output = _output(nn, width, width)
    return made


def _output(nn: Any, entering: int, width: int) -> Any:
    made = nn.Module()
    made.dense, made.LayerNorm = nn.Linear(entering, width), nn.LayerNorm(width, eps=_EPS)
    return made


def _looked(block: Any, states: Any, other: Any, mask: Any) -> Any:
    torch, inner = require("torch"), getattr(block, "self")  # noqa: B009
    heads = max(1, states.shape[-1] // _HEAD_WIDTH)
    query, key, value = (
        each.unflatten(-1, (heads, -1)).transpose(1, 2)
        for each in (inner.query(states), inner.key(other), inner.value(other))
    )
    seen = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
    return block.output.LayerNorm(block.output.dense(seen.transpose(1, 2).flatten(2)) + states)

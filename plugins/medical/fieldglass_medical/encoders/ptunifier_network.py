"""PTUnifier's network (arXiv 2302.08958): two towers and six layers in which each looks at the other.

A missing modality is replaced by the prompts of a pool that answer the present one best. Names and shapes are those of
its checkpoint.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError
from fieldglass.models import weights
from fieldglass_medical.encoders.bert import bert, embedded, encoded, layer, part, passed

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["build", "pictured", "said", "side_of"]

VISION_PROMPTS, LANGUAGE_PROMPTS = 49, 32
_VISUAL = "vision_encoder.visual."
_POOLS = {"vision": "pseudo_vision_token_pool", "language": "pseudo_language_token_pool"}
_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.")
_TOP = re.compile(r"multi_modal_language_layers\.(\d+)\.")


def side_of(state: Mapping[str, Any], path: Path) -> int:
    """Pixels of the square picture that its table of positions is for. WeightsError where there is none."""
    entry, table = state.get(f"{_VISUAL}conv1.weight"), state.get(f"{_VISUAL}positional_embedding")
    if entry is None or table is None or entry.ndim != 4 or table.ndim != 2:
        raise WeightsError(f"{path} is not a checkpoint of PTUnifier: it holds no CLIP ViT of its names.")
    across = math.isqrt(len(table) - 1)
    if across**2 != len(table) - 1 or across < 1:
        raise WeightsError(f"{path} is not a checkpoint of PTUnifier: {len(table)} positions are no square and one.")
    return across * int(entry.shape[-1])


def build(state: Mapping[str, Any], path: Path) -> Any:
    """`visual`, `language`, the layers on top, the pools and, where the file has it, the contrastive head.

    WeightsError names what does not fit.
    """
    torch, nn = require("torch"), require("torch").nn
    language = bert(part(state, "language_encoder."), path, "PTUnifier")
    visual = part(state, _VISUAL)
    if not any(_BLOCK.match(name) for name in visual) or not any(_TOP.match(name) for name in state):
        raise WeightsError(f"{path} is not a checkpoint of PTUnifier: it lacks layers of its picture tower or on top.")
    words, pixels = int(language.embeddings.word_embeddings.embedding_dim), int(visual["conv1.weight"].shape[0])
    entry = state.get("multi_modal_vision_proj.weight")
    hidden = state.get("multi_modal_language_layers.0.intermediate.dense.weight")
    pools = {name: state.get(pool) for name, pool in _POOLS.items()}
    if entry is None or hidden is None or any(each is None or each.ndim != 2 for each in pools.values()):
        raise WeightsError(f"{path} is not a checkpoint of PTUnifier: it lacks its projections or its prompt pools.")
    width = int(entry.shape[0])
    if (pools["vision"].shape[1], pools["language"].shape[1]) != (pixels, words) or words != pixels:
        raise WeightsError(f"{path} is not a checkpoint of PTUnifier: its prompts and towers differ in width.")
    if len(pools["vision"]) < VISION_PROMPTS or len(pools["language"]) < LANGUAGE_PROMPTS:
        raise WeightsError(f"{path} is not a checkpoint of PTUnifier: fewer prompts than one query takes.")
    tops = 1 + max(int(found[1]) for name in state if (found := _TOP.match(name)))
    with torch.random.fork_rng(devices=[]):
        made = nn.Module()
        made.visual = _visual(nn, visual)
        made.multi_modal_language_proj, made.multi_modal_vision_proj = nn.Linear(words, width), nn.Linear(pixels, width)
        made.modality_type_embeddings = nn.Embedding(2, width)
        for name in ("vision", "language"):
            layers = [layer(width, int(hidden.shape[0]), across=True) for _ in range(tops)]
            made.add_module(f"multi_modal_{name}_layers", nn.ModuleList(layers))
            made.add_module(f"multi_modal_{name}_pooler", nn.Module())
            getattr(made, f"multi_modal_{name}_pooler").dense = nn.Linear(width, width)
            made.register_parameter(_POOLS[name], nn.Parameter(torch.zeros_like(pools[name])))
        if "itc_head.vision_proj.weight" in state:
            made.itc_head = _contrast(nn, 2 * width, int(state["itc_head.vision_proj.weight"].shape[0]))
    rest = {name: each for name, each in state.items() if not name.startswith(("language_encoder.", "vision_encoder."))}
    rest |= {f"visual.{name}": each for name, each in visual.items()}
    # heads of the other objectives of its training and tuning, and what is left of CLIP's own text tower
    beside = ("mlm_head.", "mim_head.", "itm_head.", "vqa_head.", "cls_head.", "irtr_head.", "mlc_head.", "clm_")
    weights.fit(made, rest, path, "PTUnifier", ignore=(*beside, "train_", "val_", "test_"))
    made.language = language
    return made


def pictured(model: Any, pixels: Any, ends: tuple[int, int]) -> Any:
    """(n, 3, side, side), normalised -> (n, 2 width), text and picture pooled; `ends` are the ids of [CLS] and [SEP].

    The text is the prompts that answer the mean of the patches best, between [CLS] and [SEP].
    """
    torch, visual = require("torch"), model.visual
    patches = visual.conv1(pixels).flatten(2).transpose(1, 2)
    first = visual.class_embedding.expand(len(patches), 1, -1)
    picture = torch.cat([first, patches], dim=1) + visual.positional_embedding
    prompts = _prompts(picture[:, 1:].mean(dim=1), model.pseudo_language_token_pool, LANGUAGE_PROMPTS)
    around = embedded(model.language, torch.tensor(ends, device=pixels.device)[:, None])
    start, end = (each.expand(len(prompts), 1, -1) for each in around)
    text = torch.cat([start, prompts, end], dim=1)
    return _fused(model, text, torch.ones(text.shape[:2], dtype=torch.bool, device=text.device), picture)


def said(model: Any, ids: Any, mask: Any) -> Any:
    """(n, t) ids and bool -> (n, 2 width), text and picture pooled.

    The picture is its class token with the prompts that answer the mean of the words, all but [CLS], best.
    """
    torch, visual = require("torch"), model.visual
    text = embedded(model.language, ids)
    counted = mask[:, 1:, None].to(text.dtype)
    asked = (text[:, 1:] * counted).sum(dim=1) / (counted.sum(dim=1) + 1e-8)
    prompts = _prompts(asked, model.pseudo_vision_token_pool, VISION_PROMPTS)
    first = (visual.class_embedding + visual.positional_embedding[0]).expand(len(prompts), 1, -1)
    return _fused(model, text, mask, torch.cat([first, prompts], dim=1))


def _fused(model: Any, text: Any, mask: Any, picture: Any) -> Any:
    torch = require("torch")
    text = model.multi_modal_language_proj(encoded(model.language, text, mask))
    picture = model.multi_modal_vision_proj(_seen(model.visual, picture))
    whole = torch.ones(picture.shape[:2], dtype=torch.bool, device=picture.device)
    kinds = model.modality_type_embeddings.weight
    text, picture = text + kinds[0], picture + kinds[1]
    for one, other in zip(model.multi_modal_language_layers, model.multi_modal_vision_layers, strict=True):
        text, picture = passed(one, text, mask, picture, whole), passed(other, picture, whole, text, mask)
    pooled = [
        torch.tanh(pooler.dense(states[:, 0]))
        for pooler, states in ((model.multi_modal_language_pooler, text), (model.multi_modal_vision_pooler, picture))
    ]
    return torch.cat(pooled, dim=-1)


def _prompts(asked: Any, pool: Any, count: int) -> Any:
    """(n, width) -> (n, count, width): the rows of the pool with the largest inner products, best first."""
    return pool[(asked.to(pool.dtype) @ pool.T).topk(count, dim=-1).indices]


def _seen(visual: Any, states: Any) -> Any:
    functional = require("torch").nn.functional
    states = visual.ln_pre(states)
    for block in visual.transformer.resblocks:
        normed = block.ln_1(states)
        states = states + block.attn(normed, normed, normed, need_weights=False)[0]
        raised = block.mlp.c_fc(block.ln_2(states))
        states = states + block.mlp.c_proj(raised * functional.sigmoid(1.702 * raised))
    return visual.ln_post(states)


def _visual(nn: Any, state: Mapping[str, Any]) -> Any:
    width, _, patch, _ = state["conv1.weight"].shape
    torch, made = require("torch"), nn.Module()
    made.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
    made.class_embedding = nn.Parameter(torch.zeros(width))
    made.positional_embedding = nn.Parameter(torch.zeros_like(state["positional_embedding"]))
    made.ln_pre, made.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
    made.transformer = nn.Module()
    depth = 1 + max(int(found[1]) for name in state if (found := _BLOCK.match(name)))
    made.transformer.resblocks = nn.ModuleList([_block(nn, width) for _ in range(depth)])
    return made


def _block(nn: Any, width: int) -> Any:
    made = nn.Module()
    made.ln_1, made.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
    made.attn = nn.MultiheadAttention(width, max(1, width // 64), batch_first=True)
    made.mlp = nn.Module()
    made.mlp.c_fc, made.mlp.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
    return made


def _contrast(nn: Any, entering: int, width: int) -> Any:
    made = nn.Module()
    for name in ("vision", "language"):
        made.add_module(f"{name}_ln", nn.LayerNorm(entering))
        made.add_module(f"{name}_proj", nn.Linear(entering, width, bias=False))
    return made

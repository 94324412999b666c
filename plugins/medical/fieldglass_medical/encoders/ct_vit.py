"""CT-ViT, the vision tower of CT-CLIP (arXiv 2403.17834): attention within slabs, then along them, then a codebook.

Names and shapes are those of its checkpoint. Two things are not what one would write: keys and values come from what
is before the norm, and the position convolution of the second transformer reads its rows in the order of the first.
Both are in the weights, so both are kept.
"""

from __future__ import annotations

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

__all__ = ["Slabs", "build", "slabs_of", "tokens"]

_SCALE = 8.0  # of cosines, as of a temperature
_LAYER = re.compile(r"layers\.(\d+)\.")
_TOWERS = ("enc_spatial_transformer", "enc_temporal_transformer")
# what reconstructs and judges pictures in its training
_BESIDE = ("dec_", "to_pixels", "to_patch_emb_first_frame.", "vgg.", "discr.", "vq._codebook.")
_CODES = "vq._codebook.embed"


@dataclass(frozen=True)
class Slabs:
    """Voxels of a volume (depth, height, width), and those of a patch: `thick` slices of `side` x `side`."""

    volume: tuple[int, int, int]
    thick: int
    side: int

    @property
    def grid(self) -> tuple[int, int, int]:
        """Patches by depth, height and width."""
        depth, height, width = self.volume
        return depth // self.thick, height // self.side, width // self.side


def slabs_of(state: Mapping[str, Any], inputs: int, size: int, depth: int, path: Path) -> Slabs:
    """The patches of a tower whose projection takes `inputs` numbers, for volumes of `depth` x `size` x `size`.

    WeightsError where that does not come out even.
    """
    norm, linear = state.get("to_patch_emb.1.weight"), state.get("to_patch_emb.2.weight")
    if norm is None or linear is None:
        raise WeightsError(f"{path} is not a checkpoint of CT-CLIP: it holds no CT-ViT.")
    across = math.isqrt(max(0, inputs // int(linear.shape[0])))
    side = size // max(across, 1)
    thick = int(norm.shape[0]) // max(side * side, 1)
    odd = across * across * int(linear.shape[0]) != inputs or thick * side * side != int(norm.shape[0])
    if odd or across * side != size or not thick or depth % thick:
        raise WeightsError(
            f"{path} is not a checkpoint of CT-CLIP for volumes of {depth} x {size} x {size}: its patches have "
            f"{int(norm.shape[0])} voxels, and its projection takes {inputs} numbers.",
            hint="State what it was trained with: --set size=480 --set depth=240.",
        )
    return Slabs((depth, size, size), thick, side)


def build(state: Mapping[str, Any], slabs: Slabs, path: Path) -> Any:
    """The modules that encode, with their tensors and the unit codes. WeightsError names what does not fit."""
    torch, codes = require("torch"), state.get(_CODES)
    bias, entry = state.get("spatial_rel_pos_bias.net.2.weight"), state["to_patch_emb.2.weight"]
    if codes is None or bias is None:
        raise WeightsError(f"{path} is not a checkpoint of CT-CLIP: it lacks its codebook or its position bias.")
    nn, width, heads = torch.nn, int(entry.shape[0]), int(bias.shape[0])
    with torch.random.fork_rng(devices=[]):
        made, voxels = nn.Module(), slabs.thick * slabs.side**2
        made.to_patch_emb = nn.Sequential(
            nn.Identity(), nn.LayerNorm(voxels), nn.Linear(voxels, width), nn.LayerNorm(width)
        )
        made.spatial_rel_pos_bias = nn.Module()
        steps = [nn.Sequential(nn.Linear(each, width), nn.LeakyReLU(0.1)) for each in (2, width)]
        made.spatial_rel_pos_bias.net = nn.ModuleList([*steps, nn.Linear(width, heads)])
        for name in _TOWERS:
            made.add_module(name, _transformer(nn, state, name, width, heads, path))
    weights.fit(made, state, path, "CT-CLIP", ignore=_BESIDE)
    made.heads = heads
    made.register_buffer("codes", torch.nn.functional.normalize(codes.reshape(-1, codes.shape[-1]).float(), dim=-1))
    if made.codes.shape[1] != width:
        raise WeightsError(f"{path} is not a checkpoint of CT-CLIP: codes of {made.codes.shape[1]}, not {width}.")
    return made


def tokens(model: Any, volumes: Any, slabs: Slabs) -> Any:
    """(n, depth, height, width) float -1..1 -> (n, slabs, height, width, dim): the nearest codes, by cosine."""
    count, (deep, high, wide) = len(volumes), slabs.grid
    cut = volumes.reshape(count, deep, slabs.thick, high, slabs.side, wide, slabs.side)
    states = model.to_patch_emb(cut.permute(0, 1, 3, 5, 2, 4, 6).flatten(-3))
    shape = (count, deep, high, wide)
    states = states.reshape(count * deep, high * wide, -1)
    bias = _position_bias(model, high, wide)
    states = _run(model.enc_spatial_transformer, states, shape, model.heads, bias)
    states = states.reshape(*shape, -1).permute(0, 2, 3, 1, 4).reshape(count * high * wide, deep, -1)
    states = _run(model.enc_temporal_transformer, states, shape, model.heads, None)
    states = states.reshape(count, high, wide, deep, -1).permute(0, 3, 1, 2, 4)
    return model.codes[(states.float() @ model.codes.T).argmax(dim=-1)]  # the length of a state does not matter


def _run(tower: Any, states: Any, shape: tuple[int, ...], heads: int, bias: Any) -> Any:
    functional = require("torch").nn.functional
    for position, attention, _, forward in tower.layers:
        laid = states.reshape(*shape, -1).permute(0, 4, 1, 2, 3)
        laid = position.dsconv(functional.pad(laid, (1, 1, 1, 1, 2, 0)))
        states = laid.permute(0, 2, 3, 4, 1).reshape(states.shape) + states
        states = _attended(attention, states, heads, bias) + states
        value, gate = forward[1](forward[0](states)).chunk(2, dim=-1)
        states = forward[4](functional.gelu(gate) * value) + states
    return _normed(tower.norm_out, states)


def _attended(block: Any, states: Any, heads: int, bias: Any) -> Any:
    functional = require("torch").nn.functional
    key, value = block.to_kv(states).chunk(2, dim=-1)
    query = block.to_q(_normed(block.norm, states))
    query, key, value = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key, value))
    query = functional.normalize(query, dim=-1) * block.q_scale
    key = functional.normalize(key, dim=-1) * block.k_scale
    seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=_SCALE)
    return block.to_out(seen.transpose(1, 2).flatten(2))


def _position_bias(model: Any, high: int, wide: int) -> Any:
    """(heads, p, p) of the signed logarithm of how far two patches of a slab are apart, by row and column."""
    torch, net = require("torch"), model.spatial_rel_pos_bias.net
    device = net[-1].weight.device
    places = torch.cartesian_prod(torch.arange(high, device=device), torch.arange(wide, device=device)).reshape(-1, 2)
    apart = (places[:, None] - places[None]).float()
    found = torch.sign(apart) * torch.log(apart.abs() + 1)
    for step in net:
        found = step(found)
    return found.permute(2, 0, 1)


def _normed(norm: Any, states: Any) -> Any:
    return require("torch").nn.functional.layer_norm(states, states.shape[-1:], norm.gamma, norm.beta)


def _transformer(nn: Any, state: Mapping[str, Any], name: str, width: int, heads: int, path: Path) -> Any:
    inner = {each.removeprefix(f"{name}."): value for each, value in state.items() if each.startswith(f"{name}.")}
    query, forward = inner.get("layers.0.1.to_q.weight"), inner.get("layers.0.3.4.weight")
    if query is None or forward is None or int(query.shape[0]) % heads:
        raise WeightsError(f"{path} is not a checkpoint of CT-CLIP: its {name} has no layers of {heads} heads.")
    depth = 1 + max(int(found[1]) for each in inner if (found := _LAYER.match(each)))
    sizes = width, int(query.shape[0]), heads, int(forward.shape[1])
    made = nn.Module()
    made.layers = nn.ModuleList([_layer(nn, *sizes) for _ in range(depth)])
    made.norm_out = _norm(nn, width)
    return made


def _layer(nn: Any, width: int, across: int, heads: int, hidden: int) -> Any:
    position, attention = nn.Module(), nn.Module()
    position.dsconv = nn.Conv3d(width, width, 3, groups=width)
    attention.norm, attention.context_norm = _norm(nn, width), _norm(nn, width)  # the second is never used
    attention.null_kv = nn.Parameter(require("torch").zeros(heads, 0, across // heads))
    attention.to_q, attention.to_kv = nn.Linear(width, across, bias=False), nn.Linear(width, 2 * across, bias=False)
    attention.q_scale, attention.k_scale = (nn.Parameter(require("torch").ones(across // heads)) for _ in range(2))
    attention.to_out = nn.Linear(across, width, bias=False)
    forward = nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 2 * hidden, bias=False), nn.Identity(), nn.Identity(),
        nn.Linear(hidden, width, bias=False),
    )  # fmt: skip
    return nn.ModuleList([position, attention, nn.Identity(), forward])


def _norm(nn: Any, width: int) -> Any:
    made = nn.Module()
    made.gamma = nn.Parameter(require("torch").ones(width))
    made.register_buffer("beta", require("torch").zeros(width))
    return made

"""The cascade as a torch module: the formulas of `cascade` and `heads`, for training."""

from __future__ import annotations

from typing import Any

from fieldglass._torchvision import require
from fieldglass_fashion.memory.cascade import STREAMS

__all__ = ["made", "queries"]

_TINY = 1e-9


def made(dim: int, *, slots: int, width: int, hidden: int, key: int) -> Any:
    """A module whose state `cascade.Cascade` reads; before training its query is the sum of the turns."""
    torch = require("torch")
    nn = torch.nn

    def stream() -> Any:
        found = nn.Module()
        found.addresses = nn.Parameter(torch.randn(slots, key))
        found.controller, found.where = nn.Linear(dim, hidden), nn.Linear(hidden, key + 2)
        found.add, found.erase = nn.Linear(hidden, width), nn.Linear(hidden, width)
        found.look = nn.Linear(width, key + 1)
        return found

    module = nn.Module()
    for name in STREAMS:
        module.add_module(name, stream())
    module.output = nn.Linear(width, dim, bias=False)
    nn.init.zeros_(module.output.weight)
    module.gains = nn.Parameter(torch.zeros(2))
    return module


def queries(module: Any, pictures: Any, texts: Any, there: Any) -> Any:
    """(n, turns, dim), of unit norm: what is looked for after each turn.

    `pictures` and `texts` (n, turns, dim) of unit norm or zeros; `there` (n, turns) bool, False where a session has
    ended: its query stays as it was.
    """
    torch = require("torch")
    count, turns, dim = pictures.shape
    slots, width = module.picture.addresses.shape[0], module.output.weight.shape[1]
    memories = [pictures.new_zeros(count, slots, width) for _ in STREAMS]
    said, found = pictures.new_zeros(count, dim), []
    gains = module.gains.exp()
    for turn in range(turns):
        alive = there[:, turn, None].to(pictures.dtype)
        picture, text = pictures[:, turn] * alive, texts[:, turn] * alive
        for place, vectors in enumerate((picture, text, _unit(picture + text))):
            memories[place] = _written(getattr(module, STREAMS[place]), memories[place], vectors)
        said = said + gains[0] * picture + gains[1] * text
        out = pictures.new_zeros(count, width)
        for place, name in enumerate(STREAMS):
            part = getattr(module, name)
            head = part.look(out)
            weights = _address(part.addresses, head[:, 1:], torch.nn.functional.softplus(head[:, 0]))
            out = out + torch.einsum("nsd,ns->nd", memories[place], weights)
        found.append(_unit(_unit(said) + module.output(out)))
    return torch.stack(found, dim=1)


def _written(part: Any, memory: Any, vectors: Any) -> Any:
    functional = require("torch").nn.functional
    there = (vectors.norm(dim=1, keepdim=True) > 0).to(vectors.dtype)
    hidden = part.controller(vectors).tanh()
    head = part.where(hidden)
    weights = _address(part.addresses, head[:, 2:], functional.softplus(head[:, 0]))
    power = (1 + functional.softplus(head[:, 1]))[:, None]
    weights = (weights / weights.amax(dim=1, keepdim=True)) ** power
    weights = (weights / weights.sum(dim=1, keepdim=True))[:, :, None]
    add = part.add(hidden).tanh() * there
    norms = memory.norm(dim=2) * add.norm(dim=1, keepdim=True)
    against = (-(memory * add[:, None]).sum(dim=2) / norms.clamp_min(_TINY)).clamp_min(0)[:, :, None]
    erase = against * part.erase(hidden).sigmoid()[:, None] * there[:, None]
    return memory * (1 - weights * erase) + weights * add[:, None]


def _address(addresses: Any, key: Any, strength: Any) -> Any:
    norms = addresses.norm(dim=1)[None] * key.norm(dim=1, keepdim=True)
    return (strength[:, None] * (key @ addresses.T) / norms.clamp_min(_TINY)).softmax(dim=1)


def _unit(vectors: Any) -> Any:
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(_TINY)

"""The file that a training of FashionBLIP-2 leaves: adapters and matching, beside the weights of BLIP-2 itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass.errors import WeightsError
from fieldglass.models import weights
from fieldglass_fashion.blip2.shape import Shape

__all__ = ["Trained", "added", "read_trained", "write_trained"]

_BLOCK = re.compile(r"adapters\.(\d+)\.")


@dataclass(frozen=True)
class Trained:
    """Tensors named adapters.N... and matching...., and the sha256 of the BLIP-2 that they were trained on."""

    path: Path
    state: Mapping[str, Any]
    base: str


def write_trained(path: Path, module: Any, base: str) -> None:
    """`module` has `adapters` and `matching`."""
    import torch

    state = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    torch.save({"state_dict": state, "base": base}, path)


def read_trained(path: Path, base: str) -> Trained:
    """WeightsError where it is of another BLIP-2 than `base`, or has no matching: that cannot be made up."""
    state = weights.read(path, ("state_dict",))
    if not any(name.startswith("matching.") for name in state):
        raise WeightsError(
            f"{path} holds no matching module of FashionBLIP-2, and none is made up.",
            hint="Train one, `fieldglass train fashion/blip2`; or search with fashion/blip2 and the composer "
            "fashion/sprc, which need none.",
        )
    found = weights.notes(path).get("base", "")
    if found and found != base:
        raise WeightsError(
            f"{path} was trained on a BLIP-2 of sha256 {found[:12]}..., this one has {base[:12]}....",
            hint="Give the same weights as in the training.",
        )
    return Trained(path, state, found)


def added(trained: Trained, shape: Shape) -> Any:
    """A module with `adapters` and `matching` of the sizes in the file. WeightsError where they do not fit."""
    from torch import nn

    from fieldglass_fashion.blip2.adapters import Matching, adapters

    state, path = trained.state, trained.path
    blocks = {int(found[1]) for name in state if (found := _BLOCK.match(name))}
    module = nn.Module()
    try:
        if blocks:
            module.adapters = adapters(shape.width, state["adapters.0.down.weight"].shape[0], shape.layers)
        module.matching = Matching(
            shape.queries,
            shape.text_width,
            state["matching.query.tokens.weight"].shape[0],
            state["matching.query.channels.weight"].shape[0],
            apart="matching.candidate.tokens.weight" in state,
        )
    except (KeyError, IndexError) as error:
        raise WeightsError(f"{path} is not a training of FashionBLIP-2: it lacks {error}.") from error
    weights.fit(module, state, path, "FashionBLIP-2")
    return module

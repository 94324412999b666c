"""GeoCLIP's networks (arXiv 2309.16020): random Fourier features of a place at several scales, and the photo's head.

A place goes through the Equal Earth projection (Savric, Patterson, Jenny 2018), scaled so that longitude 180 on the
equator is 1. The map has an edge: places on both sides of the antimeridian are not near one another.

All of it is float32, step by step as in the package `geoclip`: phases reach thousands of radians, so that another
order of rounding moves a vector by up to 6e-5. Never under autocast.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError
from fieldglass.models import weights

__all__ = ["HEAD", "LOCATION", "SCALE", "equal_earth", "head", "load", "located", "location"]

LOCATION, HEAD, SCALE = "location_encoder.", "image_encoder.mlp.", "logit_scale"

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_SCALED = 66.50336
_NOTHING = 1e-30


def equal_earth(places: Any) -> Any:
    """(n, 2) latitude, longitude in degrees -> (n, 2) x in -1..1, y in -0.486717..0.486717, of the tensor's dtype."""
    torch = require("torch")
    latitude, longitude = torch.deg2rad(places[:, 0]), torch.deg2rad(places[:, 1])
    root = math.sqrt(3)
    theta = torch.asin(root / 2 * torch.sin(latitude))
    across = 3 * (9 * _A4 * theta**8 + 7 * _A3 * theta**6 + 3 * _A2 * theta**2 + _A1)
    x = 2 * root * longitude * torch.cos(theta) / across
    y = _A4 * theta**9 + _A3 * theta**7 + _A2 * theta**3 + _A1 * theta
    return torch.stack((x, y), dim=1) * _SCALED / 180


def location(sigmas: tuple[float, ...], *, features: int = 256, width: int = 1024, out: int = 512) -> Any:
    """A new location network with torch's generator: one capsule a sigma, under the names of the official files."""
    torch = require("torch")
    capsules = {}
    for row, sigma in enumerate(sigmas):
        waves = torch.nn.Module()
        waves.register_buffer("b", torch.randn(features, 2) * sigma)
        sizes = (2 * features, width, width, width)
        layers = [waves]
        for before, after in pairwise(sizes):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU(inplace=True)]
        parts = {"capsule": torch.nn.Sequential(*layers), "head": torch.nn.Sequential(torch.nn.Linear(width, out))}
        capsules[f"LocEnc{row}"] = torch.nn.ModuleDict(parts)
    return torch.nn.ModuleDict(capsules)


def located(network: Any, places: Any) -> Any:
    """(n, 2) float32 latitude, longitude in degrees -> (n, out) float32, the sum of the capsules, not normalised."""
    torch = require("torch")
    turned = 2 * math.pi * equal_earth(places)
    found = None
    for each in network.values():
        phases = turned @ each["capsule"][0].b.T
        hidden = each["capsule"][1:](torch.cat((torch.cos(phases), torch.sin(phases)), dim=1))
        found = each["head"](hidden) if found is None else found + each["head"](hidden)
    return found


def head(width: int = 768, out: int = 512) -> Any:
    """What turns CLIP's projected vectors into GeoCLIP's: a new one, with torch's generator."""
    nn = require("torch").nn
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))


def load(state: Mapping[str, Any], path: Path) -> tuple[Any, Any, float]:
    """Location network, head and logit scale (before its exponential) from tensors under their official names.

    The number of capsules and all widths are read from the shapes. WeightsError where tensors lack or do not fit.
    """
    numbers = {found[1] for name in state for found in [re.match(rf"{LOCATION}LocEnc(\d+)\.", name)] if found}
    try:
        first = state[f"{LOCATION}LocEnc0.capsule.1.weight"].shape
        network = location(
            (1.0,) * len(numbers),
            features=state[f"{LOCATION}LocEnc0.capsule.0.b"].shape[0],
            width=first[0],
            out=state[f"{LOCATION}LocEnc0.head.0.weight"].shape[0],
        )
        last = state[f"{HEAD}2.weight"].shape
        top = head(last[1], last[0])
        scale = state[SCALE]
    except (KeyError, IndexError) as error:
        raise WeightsError(
            f"{path} is not a checkpoint of GeoCLIP: {error} is missing or has no such shape."
        ) from error
    for module, prefix in ((network, LOCATION), (top, HEAD)):
        own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        weights.fit(module, own, path, "GeoCLIP")
        _flush(module)
    if last[0] != network["LocEnc0"]["head"][0].out_features or scale.numel() != 1:
        raise WeightsError(f"{path} is not a checkpoint of GeoCLIP: its photos and places have different widths.")
    return network, top, float(scale.detach())


def _flush(module: Any) -> None:
    """Weights that decayed to nothing become 0: a CPU multiplies denormal numbers 60 times more slowly, and up to 4 %
    of the official ones are denormal. No vector changes by it."""
    torch = require("torch")
    with torch.no_grad():
        for weight in module.parameters():
            weight[weight.abs() < _NOTHING] = 0

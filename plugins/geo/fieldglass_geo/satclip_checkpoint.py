"""The layout of SatCLIP's checkpoints (arXiv 2311.17179): Lightning's, with hyper-parameters beside the tensors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from fieldglass._torchvision import require
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights

__all__ = ["BANDS", "VARIANTS", "network", "tensors", "variant"]

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
VARIANTS = ("auto", "legacy_pi", "orthonormal")
_OF_TABLE = {"analytic": "legacy_pi", "closed-form": "orthonormal"}
_VISUAL = "visual."


def tensors(path: Path) -> tuple[dict[str, Any], dict[str, Any], float | None]:
    """Tensors of the location network, of the image tower ({} where it has none), and the logit scale if it says it.

    WeightsError where there is no location network.
    """
    state = {name.removeprefix("model."): value for name, value in weights.read(path).items()}
    place = {name: value for name, value in state.items() if "nnet." in name and not name.startswith(_VISUAL)}
    if not place:
        raise WeightsError(
            f"{path} is not a checkpoint of SatCLIP: it has no tensor of a location network (nnet).",
            hint="Give satclip-vit16-l40.ckpt or a relative of it.",
        )
    visual = {name.removeprefix(_VISUAL): value for name, value in state.items() if name.startswith(_VISUAL)}
    scale = state.get("logit_scale")
    return place, visual, None if scale is None else float(scale.detach())


def variant(path: Path, asked: str) -> Literal["legacy_pi", "orthonormal"]:
    """Which harmonics a checkpoint was trained with: as asked, else by its own `harmonics_calculation`.

    The table that the authors call "analytic" has its terms of order 0 pi times too large; their "closed-form" is
    orthonormal. A file that does not say is taken for one of the published six, which are all "analytic".
    UsageError where what is asked is not what the file says.
    """
    if asked not in VARIANTS:
        raise UsageError(f"sh_variant {asked!r} is not known.", hint=f"Use {', '.join(VARIANTS)}.")
    found = _said(path)
    if found is not None and found not in _OF_TABLE:
        raise WeightsError(f"{path} was trained with {found!r} harmonics, which are not known here.")
    own = _OF_TABLE.get(found or "")
    if own is not None and asked not in ("auto", own):
        raise UsageError(
            f"{path} was trained with {found} harmonics ({own}), not {asked}.", hint="Leave out sh_variant."
        )
    chosen = own or (asked if asked != "auto" else "legacy_pi")
    return "orthonormal" if chosen == "orthonormal" else "legacy_pi"


def network(state: Mapping[str, Any], path: Path) -> tuple[Any, bool]:
    """The image tower, and whether it is a ViT, which takes 224 x 224 pixels and no other size."""
    timm = require("timm")
    last = state.get("fc.weight", state.get("head.weight"))
    first = state.get("conv1.weight", state.get("patch_embed.proj.weight"))
    if last is None or first is None or first.shape[1] != len(BANDS):
        raise WeightsError(f"{path}: its image tower is no ResNet-18, ResNet-50 or ViT-S/16 of {len(BANDS)} bands.")
    transformer = "conv1.weight" not in state
    name = "vit_small_patch16_224" if transformer else "resnet50" if "layer1.0.conv3.weight" in state else "resnet18"
    with require("torch").random.fork_rng(devices=[]):
        model = timm.create_model(name, pretrained=False, in_chans=len(BANDS), num_classes=last.shape[0])
    weights.fit(model, state, path, f"SatCLIP's {name}")
    return model, transformer


def _said(path: Path) -> str | None:
    if path.suffix == ".safetensors":
        return None
    torch = require("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)  # `weights.read` has found it sound
    settings = found.get("hyper_parameters") if isinstance(found, Mapping) else None
    said = settings.get("harmonics_calculation") if isinstance(settings, Mapping) else None
    return said if isinstance(said, str) else None

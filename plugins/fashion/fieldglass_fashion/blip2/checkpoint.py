"""What a file of BLIP-2 is, and the network of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights
from fieldglass.models.files import weight_file
from fieldglass_fashion.blip2.lavis import POST_EPS, is_lavis, renamed
from fieldglass_fashion.blip2.shape import Shape, shape_of

__all__ = ["FILES", "Checkpoint", "build", "located", "opened", "preprocessing"]

FILES = ("model.safetensors", "pytorch_model.bin")

_WRAPPERS = ("state_dict", "model", "Blip2QformerCirAlignPrompt")  # the last is SPRC's
_SPRC_ALONE = "prompt_tokens"
_GENERATIVE = ("language_model.", "language_projection.")
_UNUSED = ("embeddings.position_ids",)
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_TARGET_PAD = 1.25


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by transformers' names, the sizes they make, and whether they come from SPRC's training."""

    path: Path
    state: Mapping[str, Any]
    shape: Shape
    sprc: bool


def located(given: str, encoder: str) -> Path:
    """The file that `weights` means. UsageError without any; WeightsMissingError says how to get it."""
    if not given:
        raise UsageError(
            f"{encoder} needs weights.",
            hint="`fieldglass models pull blip2-itm-vit-g`, then --encoder blip2-itm-vit-g; or --weights FILE.",
        )
    return weight_file(given, encoder, FILES)


def opened(path: Path) -> Checkpoint:
    """The tensors of a file: of transformers' `Blip2ForImageTextRetrieval`, of LAVIS, or of SPRC.

    WeightsError for anything else; a BLIP-2 that generates text has no vectors to compare, and is told apart.
    """
    state = weights.read(path, _WRAPPERS)
    if any(name.startswith(_GENERATIVE) for name in state):
        raise WeightsError(
            f"{path} is a BLIP-2 that writes text: it has neither the projections nor the text path of retrieval.",
            hint="Take Salesforce/blip2-itm-vit-g or Salesforce/blip2-itm-vit-g-coco.",
        )
    lavis, sprc = is_lavis(state), _SPRC_ALONE in state
    if lavis:
        state = renamed(state, path)
    state = {name: value for name, value in state.items() if name not in _UNUSED}
    config = {} if lavis else _config(path.parent / "config.json")
    return Checkpoint(path, state, shape_of(state, config, path, post_eps=POST_EPS if lavis else None), sprc)


def build(checkpoint: Checkpoint) -> Any:
    """The network on the CPU in fp32, in evaluation mode, frozen. WeightsError names tensors that do not fit."""
    from fieldglass_fashion.blip2.network import Network

    with require("torch").device("meta"):  # the tensors of the file are put in its place, not copied
        network = Network(checkpoint.shape)
    weights.fit(network, checkpoint.state, checkpoint.path, "BLIP-2", assign=True)
    return network.float()


def preprocessing(checkpoint: Checkpoint, resize_mode: str, pad_ratio: float | None) -> Preprocess:
    """As its authors have it: squashed to a square, or after SPRC's training padded to 1.25 and cropped."""
    side = checkpoint.shape.image_size
    if not resize_mode:
        resize_mode = "shortest" if checkpoint.sprc else "squash"
        pad_ratio = _TARGET_PAD if checkpoint.sprc and pad_ratio is None else pad_ratio
    return Preprocess((side, side), (side, side), _MEAN, _STD, "bicubic", resize_mode, pad_ratio=pad_ratio)


def _config(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        kind = found.get("model_type", "blip-2")
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} is not a configuration: {error}.") from error
    if kind not in ("blip-2", "blip_2"):
        raise WeightsError(f"{path} is the configuration of a {kind}, not of a BLIP-2.")
    for name in ("vision_config", "qformer_config"):
        if not isinstance(found.get(name) or {}, dict):
            raise WeightsError(f"{path}: {name} is no object.")
    return dict(found)

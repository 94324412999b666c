"""Which architecture, weights and preprocessing a timm checkpoint consists of, and how it becomes a model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError, WeightsError, WeightsMissingError
from fieldglass.models import weights as weight_files
from fieldglass.models.hub import find, offline
from fieldglass.models.sources import TIMM_WEIGHTS, parts, pull_name, timm_config

__all__ = ["Checkpoint", "create", "preprocess", "resolve"]

_MODES = {"center": "shortest", "squash": "squash", "border": "longest"}
_STATED = ("mean", "std", "interpolation", "crop_pct")
_NOT_ARGUMENTS = {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}
_SOURCES = ("source", "file", "url", "hf_hub_id", "hf_hub_filename", "custom_load")


@dataclass(frozen=True)
class Checkpoint:
    """`config` is timm's pretrained_cfg without its places; `weights` is None for random ones."""

    label: str
    architecture: str
    config: Mapping[str, Any]
    arguments: Mapping[str, Any]
    weights: Path | None


def resolve(model: str, pretrained: str, weights: str, stated: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint that the options name; WeightsMissingError where it is not on this machine."""
    if pretrained not in ("", "random"):
        raise UsageError(f"timm takes the tag in the model's name: --set model={model or 'MODEL'}.{pretrained}")
    if weights:
        return _local(model, Path(weights).expanduser().absolute(), stated)
    if not model:
        raise UsageError(
            "timm needs a model.", hint="For example --set model=vit_small_patch14_dinov2.lvd142m, or --weights FILE."
        )
    if model.startswith("hf-hub:"):
        found, config = parts("timm", {"model": model})
        pull = f"timm:{model}"
        return _described(find(config, model, pull), find(found, model, pull), stated)
    config_of = timm_config(model)
    if pretrained == "random":
        return Checkpoint(f"{model} (random)", model.partition(".")[0], _bare(config_of), {}, None)
    pull = pull_name("timm", {"model": model})
    path = find(parts("timm", {"model": model})[0], model, pull)
    return Checkpoint(model, model.partition(".")[0], _bare(config_of), {}, path)


def _local(model: str, path: Path, stated: Mapping[str, Any]) -> Checkpoint:
    if path.is_dir():
        names = [name for name in TIMM_WEIGHTS if (path / name).is_file()]
        if not names:
            raise WeightsMissingError(f"{path} holds none of {', '.join(TIMM_WEIGHTS)}.")
        path = path / names[0]
    if not path.is_file():
        raise WeightsMissingError(f"There is no weight file {path}.")
    beside = path.parent / "config.json"
    if beside.is_file():
        found = _described(beside, path, stated)
        if model and model.partition(".")[0] != found.architecture:
            raise UsageError(f"{beside} says that {path.name} is a {found.architecture}, not {model}.")
        return found
    if not model:
        raise UsageError(
            f"The architecture of {path} is not known.", hint="Add --set model=..., or put its config.json beside it."
        )
    if "." not in model and any(stated.get(name) is None for name in _STATED):
        raise UsageError(
            f"The preprocessing of {path} is not known, and is not guessed.",
            hint="Put its config.json beside it, or name the tag it shares with --set model=ARCHITECTURE.TAG, "
            f"or state {', '.join(_STATED)}.",
        )
    return Checkpoint(f"{model} ({path.name})", model.partition(".")[0], _bare(timm_config(model)), {}, path)


def _described(config: Path, weights: Path, stated: Mapping[str, Any]) -> Checkpoint:
    try:
        found = json.loads(config.read_text("utf-8"))
        architecture, own = str(found["architecture"]), dict(found.get("pretrained_cfg") or found)
        arguments = dict(found.get("model_args") or {})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{config} is not a configuration of timm: {error!r}.") from error
    if set(arguments) & _NOT_ARGUMENTS:
        raise WeightsError(f"{config} sets {', '.join(sorted(set(arguments) & _NOT_ARGUMENTS))}, and is refused.")
    lacking = [name for name in ("mean", "std", "input_size") if own.get(name) is None and stated.get(name) is None]
    if lacking:
        raise UsageError(f"{config} does not say the preprocessing ({', '.join(lacking)}), and it is not guessed.")
    if "num_classes" in found:
        own["num_classes"] = found["num_classes"]
    known = set(timm_config(architecture))
    return Checkpoint(
        f"{architecture} ({weights.name})",
        architecture,
        _bare({name: value for name, value in own.items() if name in known}),
        arguments,
        weights,
    )


def _bare(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in _SOURCES}


def preprocess(config: Mapping[str, Any], stated: Mapping[str, Any]) -> Preprocess:
    """timm's evaluation transform for a pretrained_cfg; what the user states goes first."""
    given = {**config, **{name: value for name, value in stated.items() if value is not None}}
    data = require("timm.data").resolve_data_config({}, pretrained_cfg=given)
    channels, height, width = data["input_size"]
    if channels != 3 or len(data["mean"]) != 3 or len(data["std"]) != 3:
        raise UsageError(f"timm: only models of three channels are supported, this one has {channels}.")
    if given.get("image_size"):
        height = width = int(given["image_size"])
    mode = given.get("resize_mode") or _MODES.get(data["crop_mode"], "shortest")
    mean = tuple(float(value) for value in data["mean"])
    return Preprocess(
        (height, width),
        (math.floor(height / data["crop_pct"]), math.floor(width / data["crop_pct"])),
        (mean[0], mean[1], mean[2]),
        (float(data["std"][0]), float(data["std"][1]), float(data["std"][2])),
        data["interpolation"],
        mode,
        (round(255 * mean[0]), round(255 * mean[1]), round(255 * mean[2])),
    )


def create(checkpoint: Checkpoint, image_size: int | None, *, skeleton: bool = False) -> Any:
    """The model on the CPU with its weights, or its `skeleton` without any memory behind it."""
    torch, timm = require("torch"), require("timm")
    arguments = dict(checkpoint.arguments)
    if image_size and checkpoint.config.get("fixed_input_size"):
        arguments["img_size"] = image_size
    config = dict(checkpoint.config)
    if checkpoint.weights is not None and not skeleton:
        config["state_dict"] = weight_files.read(checkpoint.weights)
    with offline(), torch.device("meta") if skeleton else nullcontext():
        try:
            model = timm.create_model(
                checkpoint.architecture, pretrained="state_dict" in config, pretrained_cfg=config, **arguments
            )
        except (RuntimeError, TypeError, ValueError, KeyError, AssertionError, AttributeError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise WeightsError(
                f"{checkpoint.weights or checkpoint.label} is not a checkpoint of {checkpoint.label}: "
                f"{' '.join(lines[:5]) or repr(error)}"
            ) from error
    if "state_dict" in config:
        _check_types(model, config["state_dict"], checkpoint)
    return model.eval().requires_grad_(False)


def _check_types(model: Any, state: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    wrong = [
        name
        for name, tensor in model.state_dict().items()
        if name in state and tensor.is_floating_point() != state[name].is_floating_point()
    ]
    if wrong:
        raise WeightsError(f"{checkpoint.weights}: {wrong[0]} is {state[wrong[0]].dtype}.")

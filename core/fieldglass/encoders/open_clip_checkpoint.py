"""Which model, which weights and which preprocessing an open_clip checkpoint consists of.

A checkpoint keeps *its own* preprocessing: that of its tag, of its repository, or of the `open_clip_config.json`
beside the file. Where none of these says it, the user must.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UnknownNameError, UsageError, WeightsError, WeightsMissingError
from fieldglass.models.hub import find
from fieldglass.models.sources import OPEN_CLIP_WEIGHTS, parts, pull_name, tag_config

__all__ = ["Checkpoint", "resolve"]

_STATED = ("mean", "std", "interpolation", "resize_mode")
_IN_FOLDER = (*OPEN_CLIP_WEIGHTS, "model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Checkpoint:
    """`weights` is None for random ones; `pull` is for `models pull`; `folder` holds a local checkpoint's files."""

    label: str
    config: Mapping[str, Any]
    preprocess: Preprocess
    weights: Path | None
    pull: str = ""
    folder: Path | None = None

    @property
    def text(self) -> Mapping[str, Any]:
        """The configuration of the text tower."""
        return dict(self.config["text_cfg"])

    @property
    def tokenizer(self) -> str | Path | None:
        """Where the Hugging Face tokenizer comes from; None for CLIP's own."""
        name = self.text.get("hf_tokenizer_name") or None
        return self.folder if name and self.folder else name


def resolve(model: str, pretrained: str, weights: str, stated: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint that the options name. `stated` holds what goes before its own preprocessing, or None.

    Keys are mean, std, interpolation, resize_mode, image_size and pad_ratio.
    WeightsMissingError where its files are not on this machine: nothing is downloaded.
    """
    if weights:
        name = "" if model.startswith("hf-hub:") else model  # files of that repository, wherever they lie now
        return _local(name, pretrained, Path(weights).expanduser().absolute(), stated)
    if model.startswith("hf-hub:"):
        return _hub(model, stated)
    if not model:
        raise UsageError(
            "open_clip needs a model.",
            hint="For example --set model=ViT-B-32 --set pretrained=laion2b_s34b_b79k, "
            "--set model=hf-hub:ORG/REPO, or --weights FILE.",
        )
    config = _architecture(model)
    if pretrained == "random":
        return Checkpoint(f"{model} (random)", config, _preprocess(config, {}, stated), None)
    if not pretrained:
        tags = ", ".join(require("open_clip").list_pretrained_tags_by_model(model))
        raise UsageError(f"open_clip needs pretrained=TAG or --weights FILE for {model}.", hint=f"It has: {tags}.")
    tag = tag_config(model, pretrained)
    config["quick_gelu"] = bool(tag.get("quick_gelu"))  # how these weights were trained, whatever the architecture says
    options = {"model": model, "pretrained": pretrained}
    pull, label = pull_name("open_clip", options), f"{model} ({pretrained})"
    path = find(parts("open_clip", options)[0], label, pull)
    return Checkpoint(label, config, _preprocess(config, tag, stated), path, pull)


def _hub(model: str, stated: Mapping[str, Any]) -> Checkpoint:
    weights, config, *_ = parts("open_clip", {"model": model})
    pull = pull_name("open_clip", {"model": model})
    path = find(weights, model, pull)
    found = _read(find(config, model, pull))
    return Checkpoint(model, found["model_cfg"], _own(found, stated, config.names[0]), path, pull)


def _local(model: str, pretrained: str, path: Path, stated: Mapping[str, Any]) -> Checkpoint:
    if path.is_dir():
        names = [name for name in _IN_FOLDER if (path / name).is_file()]
        if not names:
            raise WeightsMissingError(f"{path} holds none of {', '.join(_IN_FOLDER)}.")
        path = path / names[0]
    if not path.is_file():
        raise WeightsMissingError(f"There is no weight file {path}.")
    beside = path.parent / "open_clip_config.json"
    if beside.is_file():
        found = _read(beside)
        if pretrained or (model and _architecture(model) != found["model_cfg"]):
            raise UsageError(
                f"{beside} says what {path.name} is, and so do the options model and pretrained.",
                hint="Leave them out, or move the file away from that configuration.",
            )
        return Checkpoint(path.name, found["model_cfg"], _own(found, stated, str(beside)), path, folder=path.parent)
    if not model:
        raise UsageError(
            f"The architecture of {path} is not known.",
            hint="Add --set model=..., or put its open_clip_config.json beside it.",
        )
    config = _architecture(model)
    tag = tag_config(model, pretrained) if pretrained else {}
    if not tag and any(stated.get(name) is None for name in _STATED):
        raise UsageError(
            f"The preprocessing of {path} is not known, and is not guessed.",
            hint="Put its open_clip_config.json beside it, or name the tag it shares with --set pretrained=TAG, "
            f"or state {', '.join(_STATED)}.",
        )
    if tag:
        config["quick_gelu"] = bool(tag.get("quick_gelu"))
    return Checkpoint(f"{model} ({path.name})", config, _preprocess(config, tag, stated), path)


def _architecture(model: str) -> dict[str, Any]:
    found = require("open_clip").get_model_config(model.replace("/", "-"))
    if not found:
        tag_config(model, "")  # raises with the near matches
        raise UnknownNameError(f"open_clip has no architecture {model!r}.")
    return dict(found)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
        embed, towers = (
            found["model_cfg"]["embed_dim"],
            (found["model_cfg"]["vision_cfg"], found["model_cfg"]["text_cfg"]),
        )
        if not isinstance(embed, int) or embed < 1 or not all(isinstance(tower, dict) for tower in towers):
            raise ValueError("embed_dim, vision_cfg or text_cfg is of the wrong type")
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is not a configuration of open_clip: {error!r}.") from error


def _own(found: Mapping[str, Any], stated: Mapping[str, Any], where: str) -> Preprocess:
    own = found.get("preprocess_cfg") or {}
    lacking = [name for name in ("mean", "std") if own.get(name) is None and stated.get(name) is None]
    if lacking:
        raise UsageError(
            f"{where} does not say the preprocessing ({', '.join(lacking)}), and it is not guessed.",
            hint=f"State it: --set {lacking[0]}=...",
        )
    return _preprocess(found["model_cfg"], own, stated)


def _preprocess(config: Mapping[str, Any], own: Mapping[str, Any], stated: Mapping[str, Any]) -> Preprocess:
    """open_clip's inference transform for a configuration; what the user states goes first."""
    given = {**own, **{name: value for name, value in stated.items() if value is not None}}
    size = given.get("image_size") or config["vision_cfg"].get("image_size", 224)
    height, width = (size, size) if isinstance(size, int) else size
    constants = require("open_clip.constants")
    mode, interpolation = given.get("resize_mode") or "shortest", given.get("interpolation") or "bicubic"
    if mode == "shortest" and height != width:
        interpolation = "bicubic"  # open_clip's transform has no other there
    fill = given.get("fill_color") or 0
    return Preprocess(
        (height, width),
        (height, width),
        _three(given.get("mean") or constants.OPENAI_DATASET_MEAN, "mean"),
        _three(given.get("std") or constants.OPENAI_DATASET_STD, "std"),
        interpolation,
        mode,
        (fill, fill, fill),
        stated.get("pad_ratio"),
    )


def _three(values: Any, name: str) -> tuple[float, float, float]:
    numbers = (values,) * 3 if isinstance(values, int | float) else tuple(values)
    if len(numbers) != 3:
        raise UsageError(f"{name} must be three numbers, not {values!r}.")
    return (float(numbers[0]), float(numbers[1]), float(numbers[2]))

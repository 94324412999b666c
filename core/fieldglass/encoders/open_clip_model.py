"""Builds the towers of an open_clip checkpoint from checked weights; the library's own conversions are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.encoders import clip_model
from fieldglass.encoders.open_clip_checkpoint import Checkpoint
from fieldglass.encoders.open_clip_context import lengthen
from fieldglass.encoders.open_clip_text import described
from fieldglass.errors import FieldglassError, WeightsError, WeightsMissingError
from fieldglass.models import weights
from fieldglass.models.hub import Part, cached, offline

__all__ = ["build", "tokenizer"]


def build(checkpoint: Checkpoint, seed: int) -> Any:
    """The model on the CPU, in evaluation mode, with its weights or with random ones from the seed."""
    torch, open_clip = require("torch"), require("open_clip")
    config = deepcopy(dict(checkpoint.config))
    vision, text = config["vision_cfg"], config["text_cfg"]
    text.pop("keep_positions", None)
    declared = vision.get("image_size", 224)
    timm, hugging_face = "timm_model_name" in vision, "hf_model_name" in text
    if timm:
        vision["timm_model_pretrained"] = False
    else:
        vision["image_size"] = checkpoint.preprocess.size
    if hugging_face:
        text["hf_model_pretrained"] = False
    custom = config.pop("custom_text", False) or hugging_face
    kind = (
        open_clip.CoCa
        if custom and "multimodal_cfg" in config
        else open_clip.CustomTextCLIP
        if custom
        else open_clip.CLIP
    )
    state = weights.read(checkpoint.weights) if checkpoint.weights is not None else {}
    shape = described(text, checkpoint.folder, state) if hugging_face else nullcontext("")
    with _text_files(checkpoint), shape as name, torch.random.fork_rng(devices=[]):
        if hugging_face:
            text["hf_model_name"] = name
        torch.manual_seed(seed)
        try:
            model = kind(**config)
        except (TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise WeightsError(f"The configuration of {checkpoint.label} cannot be built: {error}") from error
    if checkpoint.weights is not None:
        state = _converted(model, state)
        lengthen(model, state, checkpoint)
        if _pair(declared) != checkpoint.preprocess.size:
            require("open_clip.factory").resize_pos_embed(state, model)  # only where another image_size was asked for
        weights.fit(model, state, checkpoint.weights, checkpoint.label)
    if timm and _pair(declared) != checkpoint.preprocess.size:
        model.visual.set_input_size(checkpoint.preprocess.size)
    return model.eval().requires_grad_(False)


def tokenizer(checkpoint: Checkpoint) -> Any:
    """Sentences -> token tensor (n, context length), as the library picks it for this configuration."""
    text = checkpoint.text
    options: dict[str, Any] = {"context_length": text.get("context_length", 77), **text.get("tokenizer_kwargs", {})}
    if checkpoint.tokenizer is None:
        return require("open_clip.tokenizer").SimpleTokenizer(**options)
    with _text_files(checkpoint):
        return require("open_clip.tokenizer").HFTokenizer(
            str(checkpoint.tokenizer), tokenizer_mode=text.get("tokenizer_mode"), **options
        )


def _converted(model: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The steps of open_clip's `load_checkpoint` between reading a state dict and loading it."""
    torch, factory = require("torch"), require("open_clip.factory")
    if clip_model.is_clip_model(state):
        state = clip_model.renamed(state)
    state = factory.convert_state_dict(model, state)
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = factory.convert_to_custom_text_state_dict(state)
    for name in ("logit_scale", "logit_bias"):
        own = getattr(model, name, None)
        if own is not None and name in state and state[name].numel() == own.numel():
            state[name] = state[name].reshape(own.shape)
    if getattr(model, "logit_bias", None) is not None and "logit_bias" not in state and "logit_scale" in state:
        state["logit_bias"] = torch.zeros_like(state["logit_scale"])
    if not hasattr(model, "text.transformer.embeddings.position_ids"):
        state.pop("text.transformer.embeddings.position_ids", None)
    return dict(state)


@contextmanager
def _text_files(checkpoint: Checkpoint) -> Iterator[None]:
    """Around what reads files of Hugging Face's libraries: no download, no code of a repository."""
    model = bool(checkpoint.text.get("hf_model_name"))
    for path in _configurations(checkpoint.text, checkpoint.folder):
        if _asks_for_code(path, model):
            raise WeightsError(f"{path} asks for code of its repository to be run, and is refused.")
    with offline():
        try:
            yield
        except FieldglassError:
            raise
        except (OSError, ImportError) as error:
            reason = str(error).strip().splitlines()[0]
            raise WeightsMissingError(
                f"The text files of {checkpoint.label} cannot be read: {reason}",
                hint=f"Fetch them with `fieldglass models pull {checkpoint.pull}`."
                if checkpoint.pull
                else "Put the tokenizer's files beside the weights.",
            ) from error


def _configurations(text: Mapping[str, Any], folder: Path | None) -> Iterator[Path]:
    for name in ("config.json", "tokenizer_config.json"):
        for source in (text.get("hf_model_name"), text.get("hf_tokenizer_name")):
            if not source:
                continue
            places = [place / name for place in (folder, Path(source)) if place is not None]
            found = [path for path in places if path.is_file()]
            if not found and not Path(source).is_absolute():
                found = [path for path in [cached(Part(source, (name,)))] if path is not None]
            yield from found


def _asks_for_code(path: Path, model: bool) -> bool:
    """Of config.json only what is used of it counts: Marqo's names code for a network that open_clip builds itself."""
    try:
        asked = json.loads(path.read_text("utf-8")).get("auto_map", {})
        return bool(asked) and (model or path.name != "config.json" or "AutoTokenizer" in asked)
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is not sound JSON: {error}.") from error


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])

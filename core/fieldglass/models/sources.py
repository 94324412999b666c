"""Where the files of a checkpoint lie on the hub, by encoder and options, or by a name as typed after `models pull`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import UnknownNameError, UsageError, WeightsError
from fieldglass.models.card_files import card, cards
from fieldglass.models.files import hub_parts
from fieldglass.models.hub import Part, cached

__all__ = ["known", "parse", "parts", "pull_name", "tag_config", "timm_config"]

OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
TIMM_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
TOKENIZER_FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json",
    "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip


def parse(name: str) -> tuple[str, dict[str, str]]:
    """A card's name, `open_clip:MODEL:TAG`, `timm:MODEL`, `hf-hub:ORG/REPO` or `hf:ORG/REPO/FILE`.

    (encoder, options); of a bare file the encoder is not known: "".
    """
    if name in cards():
        found = card(name)
        return found.family, {key: str(value) for key, value in found.options.items()}
    family, colon, rest = name.partition(":")
    model, _, tag = rest.partition(":")
    if name.startswith("hf-hub:"):
        return "open_clip", {"model": name}
    if name.startswith("hf:"):
        return "", {"weights": name}
    if colon and family == "open_clip" and model == "hf-hub":
        return "open_clip", {"model": rest}
    if colon and family == "open_clip" and model and tag:
        return "open_clip", {"model": model, "pretrained": tag}
    if colon and family == "timm" and rest:
        return "timm", {"model": rest}
    if colon:
        raise UsageError(
            f"{name!r} does not name a checkpoint.",
            hint="Use a card's name, open_clip:MODEL:TAG, timm:MODEL.TAG or hf-hub:ORG/REPO.",
        )
    card(name)  # raises with the near matches
    raise UsageError(f"{name!r} does not name a checkpoint.")


def pull_name(encoder: str, options: Mapping[str, Any]) -> str:
    """What to type after `fieldglass models pull`: the card's name where there is one."""
    for each in cards().values():
        if each.source and each.family == encoder and each.options and dict(each.options) == dict(options):
            return each.name
    model = str(options.get("model", ""))
    if encoder == "open_clip" and model.startswith("hf-hub:"):
        return model
    return ":".join(filter(None, (encoder, model, str(options.get("pretrained", "")))))


def parts(encoder: str, options: Mapping[str, Any]) -> tuple[Part, ...]:
    """The files of a checkpoint on the hub, weights first. Reads no network; configurations must be there already."""
    named = hub_parts(options)
    if named:
        model = str(options.get("model", ""))
        return (*named, *_tokenizer(require("open_clip").get_model_config(model) or {} if model else {}))
    if "model" not in options:
        raise UsageError(
            f"{encoder} is a family, not a checkpoint.", hint="`fieldglass models list` shows checkpoints."
        )
    model = str(options["model"])
    if encoder == "timm":
        return _timm_parts(model)
    if model.startswith("hf-hub:"):
        repo = model.removeprefix("hf-hub:")
        described = Part(repo, ("open_clip_config.json",))
        return (Part(repo, OPEN_CLIP_WEIGHTS), described, *_tokenizer(_hub_config(described)))
    weights = _tag_part(model, str(options.get("pretrained", "")))
    return (weights, *_tokenizer(require("open_clip").get_model_config(model)))


def _hub_config(part: Part) -> dict[str, Any]:
    """The model configuration of a cached open_clip_config.json; empty while it is not cached."""
    path = cached(part)
    if path is None:
        return {}
    try:
        return dict(json.loads(path.read_text("utf-8"))["model_cfg"])
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is not a configuration of open_clip: {error!r}.") from error


def tag_config(model: str, tag: str) -> dict[str, Any]:
    """open_clip's own entry for a pretrained tag; UnknownNameError lists the tags of the architecture."""
    open_clip = require("open_clip")
    known = open_clip.list_models()
    if model not in known:
        near = difflib.get_close_matches(model, known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise UnknownNameError(
            f"open_clip has no architecture {model!r}.",
            hint=f"{hint}`fieldglass models list --family open_clip --all`.",
        )
    found: dict[str, Any] = open_clip.get_pretrained_cfg(model, tag)
    if not found:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none; give --weights FILE"
        raise UnknownNameError(f"open_clip has no weights {tag!r} for {model}.", hint=f"It has: {tags}.")
    return found


def _tag_part(model: str, tag: str) -> Part:
    found = tag_config(model, tag)
    if not found.get("hf_hub"):
        raise UsageError(
            f"The weights {tag!r} of {model} are not on the hub.",
            hint=f"Get {found.get('url')} and use --weights FILE.",
        )
    repo, _, name = found["hf_hub"].rpartition("/")
    if not name:
        return Part(repo, OPEN_CLIP_WEIGHTS)
    stem, _, _ = name.rpartition(".")
    return Part(repo, (f"{stem}.safetensors", name))


def _tokenizer(config: Mapping[str, Any]) -> tuple[Part, ...]:
    text = config.get("text_cfg", {})
    repos = {text.get("hf_tokenizer_name"), text.get("hf_model_name")} - {None, ""}
    return tuple(Part(repo, (name,), required=False) for repo in sorted(repos) for name in TOKENIZER_FILES)


def timm_config(model: str) -> dict[str, Any]:
    """timm's own entry for `architecture.tag`; UnknownNameError names the near ones."""
    timm = require("timm")
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(architecture, timm.list_models(), n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else ""
        raise UnknownNameError(f"timm has no architecture {architecture!r}.", hint=hint)
    try:
        found = timm.models.get_pretrained_cfg(model)
    except RuntimeError as error:
        tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
        raise UnknownNameError(
            f"timm has no weights {tag!r} for {architecture}.", hint=f"It has: {', '.join(tags) or 'none'}."
        ) from error
    return dict(found.to_dict())


def _timm_parts(model: str) -> tuple[Part, ...]:
    if model.startswith("hf-hub:"):
        repo = model.removeprefix("hf-hub:")
        return (Part(repo, TIMM_WEIGHTS), Part(repo, ("config.json",)))
    found = timm_config(model)
    if not found.get("hf_hub_id") or found.get("custom_load"):
        raise UsageError(f"The weights of {model} are not on the hub in a form that can be checked.")
    name = found.get("hf_hub_filename")
    names = (f"{name.rpartition('.')[0]}.safetensors", name) if name else TIMM_WEIGHTS
    return (Part(found["hf_hub_id"], names),)


def known(family: str | None) -> list[str]:
    """Every name that `parse` understands: the cards', and those of the libraries' own lists."""
    found = [each.name for each in cards().values() if each.source and family in (None, each.family)]
    if family in (None, "open_clip"):
        found += [f"open_clip:{model}:{tag}" for model, tag in require("open_clip").list_pretrained()]
    if family in (None, "timm"):
        found += [f"timm:{name}" for name in require("timm").list_pretrained()]
    return found

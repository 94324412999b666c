"""Small checkpoints of GeoCLIP in both official layouts, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

from fieldglass._torchvision import require
from fieldglass_geo.geoclip_network import HEAD, LOCATION, SCALE, head, location
from small_checkpoints import CLIP

WIDTH, OUT = CLIP["embed_dim"], 24


def tensors(seed: int = 0, width: int = WIDTH) -> dict:
    """Under the names of the one-file layout."""
    torch = require("torch")
    torch.manual_seed(seed)
    found = {LOCATION + name: value for name, value in small().state_dict().items()}
    found |= {HEAD + name: value for name, value in head(width, OUT).state_dict().items()}
    return {**found, SCALE: torch.tensor(3.0)}


def small():
    return location((1.0, 16.0), features=8, width=16, out=OUT)


def one_file(folder: Path, seed: int = 0, width: int = WIDTH) -> Path:
    """`model.safetensors`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    require("safetensors.torch").save_file(tensors(seed, width), str(path))
    return path


def three_files(folder: Path, seed: int = 0) -> Path:
    """The folder, as the package `geoclip` has it."""
    torch = require("torch")
    folder.mkdir(parents=True, exist_ok=True)
    found = tensors(seed)
    for name, prefix in (("location_encoder_weights.pth", LOCATION), ("image_encoder_mlp_weights.pth", HEAD)):
        part = {each.removeprefix(prefix): value for each, value in found.items() if each.startswith(prefix)}
        torch.save(part, folder / name)
    torch.save(torch.nn.Parameter(found[SCALE]), folder / "logit_scale_weights.pth")
    return folder


def trunk(folder: Path) -> Path:
    """A CLIP of open_clip whose vectors the head takes."""
    torch, open_clip = require("torch"), require("open_clip")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    state = open_clip.CLIP(**CLIP).state_dict()
    require("safetensors.torch").save_file(state, str(folder / "open_clip_model.safetensors"))
    described = {"model_cfg": CLIP, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.3] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return folder

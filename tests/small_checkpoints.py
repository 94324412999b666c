"""Small checkpoints in the layouts that open_clip and timm write, with random weights."""

from __future__ import annotations

import json
from pathlib import Path

from fieldglass._torchvision import require

CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
PREPROCESS = {"mean": [0.2, 0.3, 0.4], "std": [0.3, 0.2, 0.25], "interpolation": "bilinear", "resize_mode": "squash"}


def clip(folder: Path, *, seed: int = 0, preprocess: dict | None = PREPROCESS, config: dict | None = CLIP) -> Path:
    """`open_clip_model.safetensors` with its `open_clip_config.json` beside it; None leaves a part out."""
    torch, open_clip = require("torch"), require("open_clip")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = open_clip.CLIP(**CLIP)
    path = folder / "open_clip_model.safetensors"
    require("safetensors.torch").save_file(model.state_dict(), str(path))
    if config is not None:
        described = {"model_cfg": config} | ({"preprocess_cfg": preprocess} if preprocess else {})
        (folder / "open_clip_config.json").write_text(json.dumps(described))
    return path


def vision(folder: Path, *, architecture: str = "test_vit", seed: int = 0, config: bool = True) -> Path:
    """`model.safetensors` with the `config.json` that timm writes beside it."""
    torch, timm = require("torch"), require("timm")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = timm.create_model(architecture)
    model.pretrained_cfg = {**model.pretrained_cfg, "mean": (0.4, 0.5, 0.6), "crop_pct": 0.9, "tag": "mine"}
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    if not config:
        (folder / "config.json").unlink()
    return folder / "model.safetensors"


def hub(cache: Path, repo: str, *files: Path) -> None:
    """Put files into a Hugging Face cache as a download would have."""
    root = cache / f"models--{repo.replace('/', '--')}"
    commit = "0" * 40
    (root / "refs").mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    (root / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
    for path in files:
        (root / "snapshots" / commit / path.name).write_bytes(path.read_bytes())

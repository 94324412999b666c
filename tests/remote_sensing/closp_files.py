"""Small checkpoints of CLOSP and GeoCLOSP in the official layout, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldglass._torchvision import require

WIDTH = 32


def resnet(bands: int, classes: int = 10) -> Any:
    module = require("timm.models.resnet")
    made = module.ResNet(module.Bottleneck, (1, 1, 1, 1), in_chans=bands, num_classes=classes).eval()
    for name, bias in made.named_parameters():
        if "bn" in name and name.endswith("bias"):
            bias.data.normal_(0, 0.1)  # without, an image of zeros would have no vector
    return made.requires_grad_(False)


def vit(bands: int, classes: int = 0) -> Any:
    return (
        require("timm.models.vision_transformer")
        .VisionTransformer(
            img_size=224, patch_size=56, in_chans=bands, num_classes=classes, embed_dim=64, depth=2, num_heads=1
        )
        .eval()
    )


def text() -> Any:
    transformers = require("transformers")
    return transformers.BertModel(
        transformers.BertConfig(
            vocab_size=30522, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=1, intermediate_size=64
        )
    ).eval()


def satclip(degrees: int = 4, width: int = 16, out: int = 24) -> dict[str, Any]:
    torch = require("torch")
    sizes = {"layers.0": (width, degrees**2), "layers.1": (width, width), "last_layer": (out, width)}
    found = {}
    for name, shape in sizes.items():
        found[f"nnet.{name}.weight"] = torch.randn(shape) / shape[1]
        found[f"nnet.{name}.bias"] = torch.randn(shape[0]) / 10
    return found


def closp(path: Path, kind: str = "rn", *, geo: bool = False, prefix: str = "", seed: int = 0) -> dict[str, Any]:
    """Write a checkpoint ("rn": both ResNets with heads; "vs": ViTs, a head on the optical one); its modules by name.

    `prefix` goes before every name; the suffix of the path says whether it is safetensors or a torch file.
    """
    torch = require("torch")
    torch.manual_seed(seed)
    towers = (resnet(2), resnet(13)) if kind == "rn" else (vit(2), vit(13, 12))
    modules: dict[str, Any] = {"s1_encoder": towers[0], "s2_encoder": towers[1], "text_model": text()}
    for name, tower in zip(("s1", "s2"), towers, strict=True):
        modules[f"{name}_projection"] = torch.nn.Linear(tower.num_classes or tower.num_features, WIDTH)
    state = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    if geo:
        state |= {f"location_encoder.{key}": value for key, value in satclip().items()}
        modules["location_projection"] = torch.nn.Linear(24, WIDTH)
        state |= {f"location_projection.{key}": v for key, v in modules["location_projection"].state_dict().items()}
    save(path, {prefix + name: value.contiguous() for name, value in state.items()})
    return modules


def save(path: Path, state: dict[str, Any]) -> Path:
    if path.suffix == ".safetensors":
        require("safetensors.torch").save_file(state, str(path))
    else:
        require("torch").save(state, path)
    return path

"""Small checkpoints of SatCLIP as Lightning writes them, with random weights."""

from __future__ import annotations

from pathlib import Path

from fieldglass._torchvision import require

DIM = 6


def tensors(degrees: int = 4, tower: str = "resnet18", *, seed: int = 0) -> dict:
    """With the location network twice, as the official module holds it: `nnet` and `location.nnet`."""
    torch, timm = require("torch"), require("timm")
    torch.manual_seed(seed)
    sizes = [degrees**2, 8, 8, DIM]
    names = ("nnet.layers.0", "nnet.layers.1", "nnet.last_layer")
    found = {}
    for name, before, after in zip(names, sizes, sizes[1:], strict=False):
        weight, bias = torch.randn(after, before).double() / before, torch.randn(after).double() / 10
        for prefix in ("model.", "model.location."):
            found |= {f"{prefix}{name}.weight": weight, f"{prefix}{name}.bias": bias}
    if tower:
        visual = timm.create_model(tower, pretrained=False, in_chans=13, num_classes=DIM)
        found |= {f"model.visual.{name}": value for name, value in visual.state_dict().items()}
    return {**found, "model.logit_scale": torch.tensor(3.0)}


def checkpoint(path: Path, state: dict, harmonics: str | None = "analytic", **more) -> Path:
    """The .ckpt; `harmonics` None leaves the hyper-parameters out."""
    torch = require("torch")
    settings = {"embed_dim": DIM, "le_type": "sphericalharmonics", "pe_type": "siren", "legendre_polys": 4}
    content = {"epoch": 3, "pytorch-lightning_version": "2.1.0", "state_dict": state, **more}
    if harmonics is not None:
        content["hyper_parameters"] = {**settings, "harmonics_calculation": harmonics}
    torch.save(content, path)
    return path

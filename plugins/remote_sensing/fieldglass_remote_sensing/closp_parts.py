"""The parts of a CLOSP that is to be trained: towers of a kind or of files, projections, text, places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.encoders.location import SatClipLocation
from fieldglass.errors import UsageError
from fieldglass.models import weights
from fieldglass.models.carriers import carried
from fieldglass_remote_sensing.backbone import network_of
from fieldglass_remote_sensing.closp_checkpoint import TextTower, parts_of, read
from fieldglass_remote_sensing.spectral import RADAR, SENTINEL2
from fieldglass_remote_sensing.towers import build, is_transformer, part

__all__ = ["BANDS", "Parts", "assembled"]

BANDS = {"s1": len(RADAR), "s2": len(SENTINEL2)}
_SIDE = 224
_RESNETS = {"resnet-tiny": ("BasicBlock", (1, 1, 1, 1)), "resnet50": ("Bottleneck", (3, 4, 6, 3))}
_VITS = {"vit-tiny": (32, 192, 4), "vit-small": (16, 384, 12), "vit-large": (16, 1024, 24)}  # patch, width, depth


@dataclass
class Parts:
    """Modules by their names in a checkpoint. `pretrained` came from a file; `text` runs "text_model".

    `place` turns (n, 2) latitude, longitude into vectors; `place_state` are its tensors.
    """

    modules: dict[str, Any]
    text: TextTower
    pretrained: set[str] = field(default_factory=set)
    place: SatClipLocation | None = None
    place_state: Mapping[str, Any] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """All tensors in the layout of CLOSP, on the CPU."""
        found = {
            f"{name}.{key}": value.detach().cpu().contiguous()
            for name, module in self.modules.items()
            for key, value in module.state_dict().items()
        }
        return found | {f"location_encoder.{key}": value.contiguous() for key, value in self.place_state.items()}


def assembled(
    tower: str, begin: str, files: Mapping[str, str], location: str, sh_variant: Any, size: int, device: str
) -> Parts:
    """From a whole checkpoint of CLOSP (`begin`), else towers from `files` ("s1", "s2") or new ones of that kind.

    UsageError where the size is not what a tower takes.
    """
    torch = require("torch")
    state: dict[str, Any] = {}
    path = Path(begin).expanduser()
    if begin:
        path = path / "model.safetensors" if path.is_dir() else path
        state = read(path)
        parts_of(state, path)
    modules: dict[str, Any] = {}
    pretrained = {"text_model"}
    for name, bands in BANDS.items():
        prefix = f"{name}_encoder"
        own = part(state, f"{prefix}.")
        if own:
            modules[prefix] = build(own, path, f"CLOSP's {name} tower", bands=bands)
        elif files.get(name):
            file = Path(files[name]).expanduser()
            modules[prefix] = build(network_of(weights.read(file), file), file, f"the {name} tower", bands=bands)
        else:
            modules[prefix] = _new(tower, bands)
        if own or files.get(name):
            pretrained.add(prefix)
        if is_transformer(modules[prefix].state_dict()) and size != _SIDE:
            raise UsageError(
                f"A ViT takes pictures of {_SIDE} pixels, not size={size}.", hint="Leave size, or use a ResNet."
            )
    minilm = carried("model.safetensors")
    text = TextTower(state, path, device) if state else _minilm(weights.read(minilm), minilm, device)
    modules["text_model"] = text.model
    width = int(text.model.config.hidden_size)
    for name in BANDS:
        network = modules[f"{name}_encoder"]
        modules[f"{name}_projection"] = torch.nn.Linear(network.num_classes or network.num_features, width)
    places = part(state, "location_encoder.") or (weights.read(Path(location).expanduser()) if location else {})
    places = {name: value for name, value in places.items() if "nnet" in name}
    place = SatClipLocation(places, variant=sh_variant, what=location or begin) if places else None
    if place is not None:
        modules["location_projection"] = torch.nn.Linear(place.dim, width)
    for name in ("s1_projection", "s2_projection", "location_projection"):
        if name in modules and (own := part(state, f"{name}.")):
            weights.fit(modules[name], own, path, name)
    return Parts({name: each.to(device) for name, each in modules.items()}, text, pretrained, place, places)


def _minilm(state: Mapping[str, Any], path: Path, device: str) -> TextTower:
    unused = ("pooler.", "embeddings.position_ids")
    kept = {f"text_model.{name}": value for name, value in state.items() if not name.startswith(unused)}
    return TextTower(kept, path, device)


def _new(tower: str, bands: int) -> Any:
    if tower in _RESNETS:
        resnet = require("timm.models.resnet")
        block, depths = _RESNETS[tower]
        return resnet.ResNet(getattr(resnet, block), depths, in_chans=bands, num_classes=0)
    patch, width, depth = _VITS[tower]
    return require("timm.models.vision_transformer").VisionTransformer(
        img_size=_SIDE, patch_size=patch, in_chans=bands, num_classes=0, embed_dim=width, depth=depth,
        num_heads=width // 64,
    )  # fmt: skip

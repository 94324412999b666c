"""Where GeoCLIP's tensors come from: the package `geoclip`, its three files in a folder, or one file of them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldglass.errors import MissingExtraError, WeightsError
from fieldglass.models import card, weights
from fieldglass.models.cache import sha256_of
from fieldglass.models.carriers import carried, locate
from fieldglass.models.files import kept_name, weight_file
from fieldglass_geo.geoclip_network import HEAD, LOCATION, SCALE

__all__ = ["Source", "source"]

_PREFIXES = {
    "location_encoder_weights.pth": LOCATION,
    "image_encoder_mlp_weights.pth": HEAD,
    "logit_scale_weights.pth": SCALE,
}
_CARD = "geoclip"
_WHOLE = "model.safetensors"
_BESIDE = ("image_encoder.CLIP.", "gps_queue", "gps_gallery")  # of a whole state dict: the trunk, and places


class Source:
    """The files of one checkpoint. `digests` are their sha256 by name; `kept` what an option `weights` says again."""

    def __init__(self, files: dict[str, Path], kept: str) -> None:
        self.files, self.kept = files, kept
        if kept:
            self.digests = {name: sha256_of(path) for name, path in files.items()}
        else:
            self.digests = {path.name: card(_CARD).files[name] for name, path in files.items()}

    @property
    def path(self) -> Path:
        """To name in messages."""
        paths = list(self.files.values())
        return paths[0] if len(paths) == 1 else paths[0].parent

    def read(self) -> dict[str, Any]:
        """The tensors under the names of the one-file layout. WeightsError for what is damaged, or not as pinned."""
        found: dict[str, Any] = {}
        for name, path in self.files.items():
            prefix = _PREFIXES.get(path.name)
            if prefix == SCALE:
                found[SCALE] = _scalar(path)
                continue
            state = weights.read(path if self.kept else carried(name, _CARD))
            found |= {(prefix or "") + each: value for each, value in state.items() if not each.startswith(_BESIDE)}
        return found


def source(given: str) -> Source:
    """Of the package where nothing is given, else of a file or a folder. WeightsMissingError where there is none."""
    if not given:
        try:
            return Source({name: locate(name, _CARD) for name in card(_CARD).files}, "")
        except MissingExtraError as error:
            raise MissingExtraError(
                "The package geoclip, which carries the weights of geo/geoclip, is not installed.",
                hint='pip install "fieldglass-geo[geoclip]", or give its files with --weights FOLDER.',
            ) from error
    path = Path(given).expanduser().absolute()
    apart = {name: path / name for name in _PREFIXES}
    if all(each.is_file() for each in apart.values()):
        return Source(apart, str(path))
    found = weight_file(given, "geo/geoclip", (_WHOLE,))
    return Source({found.name: found}, kept_name(given, found))


def _scalar(path: Path) -> Any:
    """The one tensor that the file of the logit scale holds, by itself and not by a name."""
    from fieldglass._torchvision import require

    torch = require("torch")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise anything inside torch's reader
        raise WeightsError(f"{path} cannot be read as a torch file: {error}", hint="Fetch it again.") from error
    if not isinstance(found, torch.Tensor) or found.numel() != 1 or not torch.isfinite(found).all():
        raise WeightsError(f"{path} holds no single number.", hint="Fetch it again.")
    return found.reshape(())
